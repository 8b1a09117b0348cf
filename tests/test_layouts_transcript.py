"""Transcripts: one text, cut at the markers of who speaks."""

from __future__ import annotations

from typing import Any

import pytest

from open_instructions.layouts.layout import LayoutOptions
from open_instructions.layouts.recognise import convert, readings
from open_instructions.layouts.turns import Turns, turns_of
from open_instructions.schema import Draft, Message, Reason, Reject

SAID = (("user", "Is it late?"), ("assistant", "No."))


def only(record: dict[str, Any]) -> Any:
    (item,) = convert(record, LayoutOptions())
    return item


def said(text: str) -> Any:
    item = only({"text": text})
    if isinstance(item, Reject):
        return item.reason
    assert isinstance(item, Draft)
    return tuple((m.role, m.content) for m in item.messages if isinstance(m, Message))


@pytest.mark.parametrize(
    "text",
    [
        "### Human: Is it late?### Assistant: No.",
        "### Human: Is it late?\n### Assistant: No.\n",
        "###Human:\nIs it late?\n\n###Assistant:\nNo.",
        "### User:\nIs it late?\n\n### Assistant:\nNo.",
        "### Instruction:\nIs it late?\n\n### Response:\nNo.",
        "### Question: Is it late?\n### Answer: No.",
        "Human: Is it late?\nAssistant: No.",
        "Human: Is it late?\nAI: No.",
        "\n\nHuman: Is it late?\n\nAssistant: No.",
        "User: Is it late?\n\nAssistant: No.",
        "USER: Is it late? ASSISTANT: No.</s>",
        "USER: Is it late?\n\n\nASSISTANT: No. <|endoftext|>",
        "<human>: Is it late?\n<bot>: No.",
        "<|im_start|>user\nIs it late?<|im_end|>\n<|im_start|>assistant\nNo.<|im_end|>\n",
        "<s>[INST] Is it late? [/INST] No. </s>",
        "[INST]Is it late?[/INST]No.",
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nIs it late?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nNo.<|eot_id|>",
        "<bos><start_of_turn>user\nIs it late?<end_of_turn>\n<start_of_turn>model\nNo."
        "<end_of_turn>\n",
        "<|user|>\nIs it late?</s>\n<|assistant|>\nNo.</s>",
        "<|user|>\nIs it late?<|end|>\n<|assistant|>\nNo.<|end|>",
    ],
)
def test_every_style(text: str) -> None:
    assert said(text) == SAID
    (layout,) = readings({"text": text}, LayoutOptions())
    assert layout.name == "transcript"


@pytest.mark.parametrize("name", ["text", "chat", "conversation", "dialogue", "transcript"])
def test_every_field(name: str) -> None:
    draft = only({name: "Human: Is it late?\nAssistant: No.", "note": "n"})
    assert tuple((m.role, m.content) for m in draft.messages) == SAID
    assert name in draft.used and "note" not in draft.used


@pytest.mark.parametrize(
    "text",
    [
        "Once upon a time, Human: said nothing.",
        "A story.\n\nHuman: Is it late?\n\nAssistant: No.",
        "Humans: a short history",
        "# User: guide\n\nAssistant: none",
        "Userland and kernel",
        "Below is an instruction manual for a kettle.",
        "",
    ],
)
def test_text_is_text(text: str) -> None:
    assert turns_of(text) is None
    assert said(text) == Reason.NOT_A_CONVERSATION


def test_a_system_prompt_of_a_template() -> None:
    opening = "A chat between a guest and a helper."
    assert said(f"{opening} USER: Is it late? ASSISTANT: No.</s>") == (("system", opening), *SAID)
    task = "Below is an instruction that describes a task. Write a response."
    text = f"{task}\n\n### Instruction:\nAdd.\n\n### Input:\n1, 2\n\n### Response:\n3"
    assert said(text) == (("system", task), ("user", "Add.\n\n1, 2"), ("assistant", "3"))


def test_a_system_prompt_in_the_first_turn() -> None:
    text = "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nIs it late? [/INST] No. </s>"
    again = "<s>[INST] Sure? [/INST] Yes. </s>"
    assert said(text + again) == (
        ("system", "Be brief."),
        *SAID,
        ("user", "Sure?"),
        ("assistant", "Yes."),
    )


def test_a_marker_in_the_middle_of_a_line_is_text() -> None:
    text = "Human: What does Human: mean?\nAssistant: Who speaks.\n\nHuman: Ok\nAssistant: Bye"
    assert said(text)[0] == ("user", "What does Human: mean?")
    assert said(text)[2:] == (("user", "Ok"), ("assistant", "Bye"))


def test_a_marker_in_a_block_of_code_is_text() -> None:
    code = "```\nHuman: Hi\nAssistant: Hello.\n```"
    text = f"Human: Show me the format.\nAssistant: Here:\n{code}\nHuman: Thanks\nAssistant: Bye"
    assert said(text) == (
        ("user", "Show me the format."),
        ("assistant", f"Here:\n{code}"),
        ("user", "Thanks"),
        ("assistant", "Bye"),
    )


def test_a_block_of_code_behind_a_marker() -> None:
    """Its closing fence opens no other block, which would hide the markers behind it."""
    text = "Human: Code?\nAssistant: ```py\nx\n```\nHuman: And?\nAssistant: ```js\ny\n```\nDone."
    assert said(text) == (
        ("user", "Code?"),
        ("assistant", "```py\nx\n```"),
        ("user", "And?"),
        ("assistant", "```js\ny\n```\nDone."),
    )


def test_a_block_of_code_that_is_never_closed() -> None:
    text = "Human: Code?\nAssistant: See\n```py\nx\nHuman: And?\nAssistant: See\n```js\ny\n```"
    assert said(text) == (
        ("user", "Code?"),
        ("assistant", "See\n```py\nx"),
        ("user", "And?"),
        ("assistant", "See\n```js\ny\n```"),
    )
    torn = "Human: Code?\nAssistant: See\n```\nx\nHuman: And?\nAssistant: See\n```\ny\n```"
    assert said(torn) == Reason.AMBIGUOUS_LAYOUT


@pytest.mark.parametrize(
    "text",
    [
        "User: A dialogue, please.\n\nAssistant: Here:\nUser: Hi\nAssistant: Hello.",
        "User: One.\nUser: Two.\nAssistant: Three.",
        "Human: Is it late?",
        "<|im_start|>user\nHi<|im_end|>\nloose text\n<|im_start|>assistant\nHello.<|im_end|>",
    ],
)
def test_what_can_be_read_in_two_ways(text: str) -> None:
    assert said(text) == Reason.AMBIGUOUS_LAYOUT


def test_a_dialogue_inside_an_answer_between_blank_lines() -> None:
    """The text begins with a blank line: so does each turn."""
    text = "\n\nHuman: A dialogue.\n\nAssistant: Here:\nHuman: Hi\nAssistant: Hello."
    assert said(text) == (
        ("user", "A dialogue."),
        ("assistant", "Here:\nHuman: Hi\nAssistant: Hello."),
    )


def test_indentation_of_a_first_line_stays() -> None:
    text = "### Instruction:\n    x = 1\n    y\n\n### Response:\n    z\n"
    assert said(text) == (("user", "    x = 1\n    y"), ("assistant", "    z"))


def test_a_last_turn_without_an_answer() -> None:
    assert said("Human: Hi\n\nAssistant: Hello.\n\nHuman: Bye")[-1] == ("user", "Bye")
    turns = turns_of("Human: Hi\n\nAssistant:")
    assert isinstance(turns, Turns) and turns.waits


def test_glaive() -> None:
    record = {
        "system": "SYSTEM: You may call functions.",
        "chat": "USER: How warm is it in Oslo?\n\n\nASSISTANT: I look. <functioncall> "
        '{"name": "weather", "arguments": \'{"city": "Oslo"}\'} <|endoftext|>\n\n\n'
        'FUNCTION RESPONSE: {"degrees": 7}\n\n\nASSISTANT: Seven degrees. <|endoftext|>',
    }
    draft = only(record)
    assert [(m.role, m.content) for m in draft.messages] == [
        ("system", "You may call functions."),
        ("user", "How warm is it in Oslo?"),
        ("assistant", "I look."),
        ("tool", '{"degrees": 7}'),
        ("assistant", "Seven degrees."),
    ]
    assert draft.messages[2].fields == {
        "tool_calls": [
            {"type": "function", "function": {"name": "weather", "arguments": {"city": "Oslo"}}}
        ]
    }
    broken = {**record, "chat": record["chat"].replace('"Oslo"}', '"Oslo"')}
    assert only(broken).reason == Reason.BAD_ARGUMENTS


@pytest.mark.parametrize(
    "text",
    [
        "<s>[INST] Late? [/INST][TOOL_CALLS] [{'name': 'now'}]</s>",
        "<|start_header_id|>user<|end_header_id|>\n\nLate?<|eot_id|><|start_header_id|>assistant"
        "<|end_header_id|>\n\n<|python_tag|>now()<|eom_id|>",
    ],
)
def test_calls_in_forms_that_are_not_read(text: str) -> None:
    assert said(text) == Reason.TOOL_CALL


def test_calls_of_hermes_in_chatml() -> None:
    call = '<tool_call>{"name": "now", "arguments": {}}</tool_call>'
    text = (
        f"<|im_start|>user\nLate?<|im_end|>\n<|im_start|>assistant\n{call}<|im_end|>\n"
        "<|im_start|>tool\n<tool_response>9</tool_response><|im_end|>\n"
        "<|im_start|>assistant\nNo.<|im_end|>"
    )
    draft = only({"text": text})
    assert [(m.role, m.content) for m in draft.messages] == [
        ("user", "Late?"),
        ("assistant", ""),
        ("tool", "9"),
        ("assistant", "No."),
    ]
    assert draft.messages[1].fields["tool_calls"][0]["function"]["name"] == "now"


def test_a_transcript_beside_the_fields_that_it_was_made_of() -> None:
    record = {"instruction": "Add.", "input": "1, 2", "output": "3"}
    text = "Below is an instruction: do it.\n\n### Instruction:\nAdd.\n\n### Input:\n1, 2\n\n"
    draft = only({**record, "text": text + "### Response:\n3"})
    assert [m.content for m in draft.messages] == ["Add.\n\n1, 2", "3"]
    empty = {**record, "input": "", "text": "### Instruction:\nAdd.\n\n### Input:\nNo input.\n\n"}
    assert isinstance(only({**empty, "text": empty["text"] + "### Response:\n3"}), Draft)
    other = only({**record, "text": text + "### Response:\n4"})
    assert (other.reason, other.detail) == (
        Reason.AMBIGUOUS_LAYOUT,
        "alpaca and transcript both fit, and differ",
    )
