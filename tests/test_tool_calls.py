"""Calls of tools, results and definitions in the forms of files, in the one form of the schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from open_instructions.layouts.chats import MESSAGES
from open_instructions.layouts.hermes import take_results
from open_instructions.layouts.layout import LayoutOptions
from open_instructions.layouts.messages import Chat, read_chat
from open_instructions.layouts.sharegpt import SHAREGPT
from open_instructions.layouts.tools import Definitions, definitions
from open_instructions.layouts.xlam import XLAM
from open_instructions.schema import Draft, Message, Reject

ASKS = {"role": "user", "content": "How warm is it in Oslo?"}
CALL = {"type": "function", "function": {"name": "warmth", "arguments": {"city": "Oslo"}}}
OTHER = {"type": "function", "function": {"name": "rain", "arguments": {}}}
TEXT = '{"name": "warmth", "arguments": {"city": "Oslo"}}'
Row = tuple[str, str, Mapping[str, Any] | None]


def rows(turns: list[Any], **beside: Any) -> list[Row]:
    """The messages of a list, each as role, content and fields."""
    chat = read_chat(turns, **beside)
    assert isinstance(chat, Chat), chat
    return [(m.role, m.content, m.fields) for m in chat.items if isinstance(m, Message)]


def refused(turns: list[Any], **beside: Any) -> tuple[str, str]:
    chat = read_chat(turns, **beside)
    assert isinstance(chat, Reject), chat
    assert chat.message is None
    return str(chat.reason), chat.detail


def called(*calls: Any, content: Any = None, **fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, "tool_calls": list(calls), **fields}


FORMS = {
    "arguments as text": called(
        {"type": "function", "function": {"name": "warmth", "arguments": '{"city": "Oslo"}'}}
    ),
    "no type": called({"function": {"name": "warmth", "arguments": {"city": "Oslo"}}}),
    "name and arguments alone": called({"name": "warmth", "arguments": {"city": "Oslo"}}),
    "parameters": called({"name": "warmth", "parameters": {"city": "Oslo"}}),
    "JSON text": {"role": "assistant", "content": None, "tool_calls": f"[{TEXT}]"},
    "one call": {"role": "assistant", "content": "", "tool_calls": json.loads(TEXT)},
    "legacy": {
        "role": "assistant",
        "content": None,
        "function_call": {"name": "warmth", "arguments": '{"city": "Oslo"}'},
    },
    "ShareGPT": {"from": "function_call", "value": TEXT},
    "ShareGPT, a list": {"from": "function-call", "value": f"[{TEXT}]"},
    "ms-swift": {"role": "tool_call", "content": TEXT},
    "an object": {"role": "tool_call", "content": json.loads(TEXT)},
    "LLaMA-Factory": {
        "role": "assistant",
        "content": [{"type": "tool_call", "value": TEXT}],
    },
    "Responses": {"type": "function_call", "name": "warmth", "arguments": '{"city": "Oslo"}'},
    "Hermes": {"from": "gpt", "value": f"<tool_call>\n{TEXT}\n</tool_call>"},
}


@pytest.mark.parametrize("turn", FORMS.values(), ids=FORMS)
def test_forms_of_a_call(turn: dict[str, Any]) -> None:
    result = {"role": "tool", "content": "7"}
    assert rows([ASKS, turn, result]) == [
        ("user", "How warm is it in Oslo?", None),
        ("assistant", "", {"tool_calls": [CALL]}),
        ("tool", "7", None),
    ]


def test_ids_are_upstreams() -> None:
    turns = [
        ASKS,
        called({"id": "call_1", **CALL}, {"id": "call_2", **OTHER}, content="Let me see."),
        {"role": "tool", "tool_call_id": "call_2", "content": "dry", "name": "rain"},
        {"role": "tool", "tool_call_id": "call_1", "content": "7"},
    ]
    calls = [{"id": "call_1", **CALL}, {"id": "call_2", **OTHER}]
    assert rows(turns)[1:] == [
        ("assistant", "Let me see.", {"tool_calls": calls}),
        ("tool", "dry", {"tool_call_id": "call_2", "name": "rain"}),
        ("tool", "7", {"tool_call_id": "call_1"}),
    ]


def test_anthropic() -> None:
    turns = [
        ASKS,
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "A tool knows.", "signature": "c2ln"},
                {"type": "text", "text": "Let me see."},
                {"type": "tool_use", "id": "toolu_1", "name": "warmth", "input": {"city": "Oslo"}},
                {"type": "tool_use", "id": "toolu_2", "name": "rain", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "7"},
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_2",
                    "content": [{"type": "text", "text": "dry"}],
                    "is_error": False,
                },
                {"type": "text", "text": "Be brief."},
            ],
        },
        {"role": "assistant", "content": [{"type": "text", "text": "Seven and dry."}]},
    ]
    chat = read_chat(turns)
    assert isinstance(chat, Chat)
    assert [(m.role, m.content, m.fields) for m in chat.items if isinstance(m, Message)] == [
        ("user", "How warm is it in Oslo?", None),
        (
            "assistant",
            "Let me see.",
            {
                "reasoning_content": "A tool knows.",
                "tool_calls": [{"id": "toolu_1", **CALL}, {"id": "toolu_2", **OTHER}],
            },
        ),
        ("tool", "7", {"tool_call_id": "toolu_1"}),
        ("tool", "dry", {"tool_call_id": "toolu_2"}),
        ("user", "Be brief.", None),
        ("assistant", "Seven and dry.", None),
    ]
    assert chat.left == [
        {},
        {"content": [{"signature": "c2ln"}, {}, {}, {}]},
        {"content": [{}, {"is_error": False}, {}]},
        {},
    ]


def test_responses() -> None:
    body = {"name": "warmth", "arguments": '{"city": "Oslo"}', "call_id": "call_1"}
    turns = [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Warm?"}]},
        {"type": "function_call", **body, "status": "completed"},
        {"type": "function_call_output", "call_id": "call_1", "output": "7"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "Seven."}]},
    ]
    assert rows(turns) == [
        ("user", "Warm?", None),
        ("assistant", "", {"tool_calls": [{"id": "call_1", **CALL}]}),
        ("tool", "7", {"tool_call_id": "call_1"}),
        ("assistant", "Seven.", None),
    ]
    chat = read_chat(turns)
    assert isinstance(chat, Chat)
    assert chat.left[1] == {"content": [{"status": "completed"}]}


def test_nothing_of_a_tool_is_dropped_from_a_conversation() -> None:
    """Where it cannot be read, the record is a reject: without it, it would be another one."""
    answer = {"role": "assistant", "content": "Seven."}
    for turn in (
        called(CALL, role="narrator"),
        {"role": "assistant", "content": [{"type": "server_tool_use", "id": "1", "name": "web"}]},
        {"role": "assistant", "content": [{"type": "tool_result", "content": "7"}]},
        {"role": "assistant", "content": [{"toolUse": {"name": "now", "input": {}}}]},
        {"role": "user", "content": [{"functionResponse": {"name": "now"}}]},
        {"role": "system", "content": [{"type": "tool_use", "name": "now", "input": {}}]},
    ):
        assert refused([ASKS, turn, answer])[0] == "tool_call"


def test_what_is_beside_a_call_is_kept() -> None:
    turns = [
        ASKS,
        called({"index": 0, "function": {"name": "rain", "arguments": "{}", "strict": True}}),
        {"role": "tool", "content": "dry"},
        {"role": "assistant", "content": '<tool_call>{"name": "rain", "why": "Hm."}</tool_call>'},
    ]
    chat = read_chat(turns)
    assert isinstance(chat, Chat)
    assert chat.left == [
        {},
        {"tool_calls": [{"index": 0, "function": {"strict": True}}]},
        {},
        {"tool_calls": [{"why": "Hm."}]},
    ]


def test_neighbouring_calls_are_one_message() -> None:
    turns = [
        ASKS,
        {"role": "assistant", "content": "Let me see."},
        {"role": "tool_call", "content": TEXT},
        {"role": "tool_call", "content": '{"name": "rain"}'},
        {"role": "tool_response", "content": "7"},
        {"role": "tool_response", "content": {"rain": False}},
    ]
    assert rows(turns)[1:] == [
        ("assistant", "Let me see.", {"tool_calls": [CALL, OTHER]}),
        ("tool", "7", None),
        ("tool", '{"rain":false}', None),
    ]
    turns[1]["weight"] = 0
    assert refused(turns)[0] == "contradiction"


def test_a_call_behind_a_thought() -> None:
    turn = {"from": "function_call", "value": f"<think>A tool knows.</think>\n{TEXT}"}
    assert rows([ASKS, turn])[1:] == [
        ("assistant", "<think>A tool knows.</think>", {"tool_calls": [CALL]})
    ]


HERMES = (
    f'Let me see.\n<tool_call>\n{TEXT}\n</tool_call>\n<tool_call>{{"name": "rain"}}</tool_call>'
)


def test_hermes() -> None:
    answers = "<tool_response>\n7\n</tool_response>\n<tool_response>\ndry\n</tool_response>"
    turns = [ASKS, {"from": "gpt", "value": HERMES}, {"from": "tool", "value": answers}]
    assert rows(turns)[1:] == [
        ("assistant", "Let me see.", {"tool_calls": [CALL, OTHER]}),
        ("tool", "7", None),
        ("tool", "dry", None),
    ]


PRINTED = {
    """{'name': 'note', 'arguments': {'text': "it's", 'loud': True}}""": {
        "text": "it's",
        "loud": True,
    },
    r"""{'arguments': {'text': 'say "a\\b"\n\x41', 'to': None}, 'name': 'note'}""": {
        "text": 'say "a\\b"\nA',
        "to": None,
    },
}


@pytest.mark.parametrize("text", PRINTED)
def test_what_python_prints_is_a_call(text: str) -> None:
    """Hermes' function-calling sets have calls in both spellings."""
    turn = {"from": "gpt", "value": f"<tool_call>\n{text}\n</tool_call>"}
    fields = rows([ASKS, turn], has_tools=True)[1][2]
    assert fields is not None
    assert fields["tool_calls"] == [
        {"type": "function", "function": {"name": "note", "arguments": PRINTED[text]}}
    ]


@pytest.mark.parametrize(
    "text",
    [
        "{'name': 'note', 'arguments': {'at': (1, 2)}}",
        "{'name': 'note', 'arguments': {'at': {1, 2}}}",
        "{'name': 'note', 'arguments': {'at': b'1'}}",
        "{'name': 'note', 'arguments': {'at': '\\N{BULLET}'}}",
        "{'name': 'note', 'arguments': {'at': '1}}",
        "note(at=1)",
    ],
)
def test_what_else_python_prints_is_text(text: str) -> None:
    said = f"<tool_call>{text}</tool_call>"
    turn = {"from": "gpt", "value": said}
    assert rows([ASKS, turn], has_tools=True)[1] == ("assistant", said, None)


def test_text_about_calls_stays_text() -> None:
    talk = [ASKS, {"role": "assistant", "content": HERMES}]
    assert rows(talk)[1] == ("assistant", HERMES, None)
    assert rows(talk, has_tools=True)[1][2] == {"tool_calls": [CALL, OTHER]}
    for text in (
        "A call begins with <tool_call>.",
        "<tool_call>now()</tool_call>",
        '<tool_call>{"city": "Oslo"}</tool_call>',
        f"<think>Write <tool_call>{TEXT}</tool_call>?</think>No.",
    ):
        talk = [ASKS, {"role": "assistant", "content": text}]
        assert rows(talk, has_tools=True)[1] == ("assistant", text, None)
    assert take_results("<tool_response>7</tool_response> warm") == [
        "<tool_response>7</tool_response> warm"
    ]


BAD = {
    "[1, 2]": "are a list, not an object",
    '"{}"': "are a text, not an object",
    '{"zone": UTC}': "cannot be read: not JSON: Expecting value at character 9",
    '{"zone": 18446744073709551616}': "have an integer beyond 64 bits",
    '{"zone": [-9223372036854775809]}': "have an integer beyond 64 bits",
    '{"zone": NaN}': "cannot be read: not JSON: NaN",
    '{"zone": 1e999}': "have a number that JSON does not have",
    '{"zone": 1, "zone": 2}': "cannot be read: two values under the key 'zone'",
    '{"a":' * 101 + "1" + "}" * 101: "cannot be read: nested deeper than 100",
}


@pytest.mark.parametrize("arguments", BAD)
def test_bad_arguments(arguments: str) -> None:
    turn = called({"function": {"name": "now", "arguments": arguments}})
    assert refused([ASKS, turn]) == (
        "bad_arguments",
        f"the arguments of 'now' {BAD[arguments]}",
    )


@pytest.mark.parametrize("arguments", ["", None, "{}", {}])
def test_a_call_without_arguments(arguments: Any) -> None:
    turn = called({"function": {"name": "rain", "arguments": arguments}})
    assert rows([ASKS, turn])[1] == ("assistant", "", {"tool_calls": [OTHER]})


def test_bad_arguments_of_a_turn() -> None:
    for value in ('{"name": "now", "arguments": [1]}', '[{"name": "now", "arguments": 1}]'):
        assert refused([ASKS, {"from": "function_call", "value": value}])[0] == "bad_arguments"
    text = '<tool_call>{"name": "now", "arguments": [1]}</tool_call>'
    talk = [ASKS, {"from": "gpt", "value": text}]
    assert refused(talk, has_tools=True)[0] == "bad_arguments"
    assert rows(talk)[1] == ("assistant", text, None)


def test_the_largest_integers_stay() -> None:
    arguments = {"most": 2**64 - 1, "least": -(2**63)}
    turn = called({"function": {"name": "now", "arguments": json.dumps(arguments)}})
    fields = rows([ASKS, turn])[1][2]
    assert fields is not None
    assert fields["tool_calls"][0]["function"]["arguments"] == arguments


def test_calls_that_cannot_be_read() -> None:
    assert refused([ASKS, called({"id": "1"})]) == (
        "tool_call",
        "a call that does not say what it calls",
    )
    assert refused([ASKS, {"from": "function_call", "value": "now()"}]) == (
        "bad_arguments",
        "a call that cannot be read: not JSON: Expecting value at character 0",
    )
    assert refused([ASKS, {"from": "function_call", "value": "[]"}])[0] == "tool_call"
    assert refused([ASKS, {"from": "function_call"}])[0] == "tool_call"
    assert refused([{**ASKS, "tool_calls": [CALL]}])[0] == "tool_call"
    assert refused([ASKS, called(CALL, function_call={"name": "rain"})])[0] == "contradiction"


def test_columns_of_parquet() -> None:
    """There, all messages have the fields of all, and all objects the members of all."""
    absent = {"content": None, "tool_calls": None, "name": None}
    turns: list[Any] = [
        {**absent, "role": "user", "content": "How warm is it in Oslo?"},
        {
            **absent,
            "role": "assistant",
            "tool_calls": [
                {
                    "id": None,
                    "type": "function",
                    "function": {"name": "warmth", "arguments": {"city": "Oslo", "day": None}},
                }
            ],
        },
        {**absent, "role": "tool", "content": "7"},
    ]
    chat = read_chat(turns)
    assert isinstance(chat, Chat)
    assert [m.fields for m in chat.items if isinstance(m, Message)] == [
        None,
        {"tool_calls": [CALL]},
        None,
    ]
    assert (chat.left, chat.edits) == ([], ("null_members",))


def test_parts_in_columns_of_parquet() -> None:
    absent = {"tool_calls": None}
    text = {"type": "text", "text": "Hi", "name": None, "input": None}
    call = {**text, "type": "tool_use", "text": None, "name": "warmth"}
    call["input"] = {"city": "Oslo", "day": None}
    asks = {**absent, "role": "user", "content": [text]}
    chat = read_chat([asks, {**absent, "role": "assistant", "content": [call]}])
    assert isinstance(chat, Chat)
    assert chat.items[1] == Message("assistant", "", fields={"tool_calls": [CALL]})
    assert (chat.left, chat.edits) == ([], ("null_members",))
    plain = read_chat([asks, {**absent, "role": "assistant", "content": [text]}])
    assert isinstance(plain, Chat)
    assert (plain.left, plain.edits) == ([], ())  # nothing that a row shows was left out


def test_null_members_that_somebody_wrote() -> None:
    """In lines of JSON, messages have different fields."""
    arguments = {"city": "Oslo", "day": None}
    turns = [ASKS, called({"name": "warmth", "arguments": arguments})]
    fields = rows(turns)[1][2]
    assert fields is not None
    assert fields["tool_calls"][0]["function"]["arguments"] == arguments


NOW = {"type": "function", "function": {"name": "now", "parameters": {"type": "object"}}}


@pytest.mark.parametrize(
    "tools",
    [
        [NOW],
        json.dumps([NOW]),
        [json.dumps(NOW)],
        NOW,
        [{"function": NOW["function"]}],
        [{"name": "now", "parameters": {"type": "object"}}],
        [{"type": "function", "name": "now", "parameters": {"type": "object"}}],
        [{"name": "now", "parameters": '{"type": "object"}'}],
        [{"type": "function", "function": {"name": "now", "parameters": '{"type": "object"}'}}],
        [{"name": "now", "input_schema": {"type": "object"}}],
        [{"name": "now", "inputSchema": {"type": "object"}}],
        [{"name": "now", "description": None, "parameters": {"type": "object"}}],
    ],
)
def test_definitions(tools: Any) -> None:
    for key in ("tools", "functions"):
        found = definitions({key: tools})
        assert isinstance(found, Definitions), found
        assert (found.tools, found.used) == ([NOW], (key,))


def test_a_schema_that_cannot_be_opened_stays_text() -> None:
    for schema in ("any", "[1]", '{"default": 18446744073709551616}'):
        found = definitions({"tools": [{"name": "now", "parameters": schema}]})
        assert isinstance(found, Definitions)
        assert found.tools[0]["function"] == {"name": "now", "parameters": schema}


def test_a_schema_alone_is_a_definition() -> None:
    schema = {"title": "now", "type": "object", "properties": {"zone": {"type": "string"}}}
    found = definitions({"tools": [schema]})
    assert isinstance(found, Definitions)
    assert found.tools == [{"type": "function", "function": {"name": "now", "parameters": schema}}]


@pytest.mark.parametrize("tools", [None, "", [], "[]", "none", ["hammer", "saw"], {}])
def test_no_definitions(tools: Any) -> None:
    found = definitions({"tools": tools})
    assert isinstance(found, Definitions)
    assert (found.tools, found.used) == ([], ("tools",) if tools == "[]" else ())


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"tools": '[{"name": "now"'}, "lost_context"),
        ({"tools": [{"description": "The time."}]}, "lost_context"),
        ({"tools": [7]}, "lost_context"),
        ({"tools": [{"type": "web_search", "name": "search"}]}, "lost_context"),
        ({"tools": [{"name": "now", "parameters": {"n": 2**64}}]}, "lost_context"),
        ({"tools": [{"name": "now"}], "functions": [{"name": "then"}]}, "contradiction"),
    ],
)
def test_definitions_that_cannot_be_read(record: dict[str, Any], reason: str) -> None:
    found = definitions(record)
    assert isinstance(found, Reject)
    assert found.reason == reason


def test_xlam() -> None:
    record = {
        "id": 7,
        "query": "How warm is it in Oslo, and in Rome?",
        "tools": '[{"name": "warmth", "parameters": {"city": {"type": "str"}}}]',
        "answers": '[{"name":"warmth","arguments":{"city":"Oslo"}},'
        '{"name":"warmth","arguments":{"city":"Rome"}}]',
    }
    [draft] = XLAM.read(record, LayoutOptions())
    assert isinstance(draft, Draft)
    rome = {"type": "function", "function": {"name": "warmth", "arguments": {"city": "Rome"}}}
    assert draft.messages == [
        Message("user", "How warm is it in Oslo, and in Rome?"),
        Message("assistant", "", fields={"tool_calls": [CALL, rome]}),
    ]
    assert draft.tools == [
        {
            "type": "function",
            "function": {"name": "warmth", "parameters": {"city": {"type": "str"}}},
        }
    ]
    assert not XLAM.fits({"question": "Why?", "answers": [{"text": "So."}]}, LayoutOptions())


def test_tools_of_a_record() -> None:
    tools = '[{"name": "warmth"}]'
    turns = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello."}]
    for layout, key in ((MESSAGES, "messages"), (SHAREGPT, "conversations")):
        [draft] = layout.read({key: turns, "tools": tools}, LayoutOptions())
        assert isinstance(draft, Draft)
        assert draft.tools == [{"type": "function", "function": {"name": "warmth"}}]
        assert "tools" in draft.used
