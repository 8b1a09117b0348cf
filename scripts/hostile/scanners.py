"""What walks over input without a pattern, or with several, as jobs to measure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.text import Text

from open_instructions import recipe
from open_instructions.arrays import strings
from open_instructions.catalogue import Source, registry
from open_instructions.cli.console import _at_words, safe
from open_instructions.corpus.contamination.entries import entries_of
from open_instructions.corpus.contamination.hits import evidence, found_in
from open_instructions.corpus.contamination.index import index_of
from open_instructions.corpus.contamination.items import items_of
from open_instructions.corpus.near_duplicates.signs import signs_of
from open_instructions.corpus.words import spans_of, words_of
from open_instructions.errors import OpenInstructionsError
from open_instructions.inputs import lock
from open_instructions.inputs.hub_card import read_card
from open_instructions.inputs.splits import fits, splits_of
from open_instructions.layouts import calls, embedded, hermes, literals
from open_instructions.layouts import fields as shapes
from open_instructions.layouts.layout import LayoutOptions
from open_instructions.layouts.messages import read_chat
from open_instructions.limits import TooLarge
from open_instructions.readers import envelopes, frames, jsontext, open_file, slabs
from open_instructions.readers.buffer import Buffer
from open_instructions.readers.encodings import encoding_of
from open_instructions.rights import terms as licenses
from open_instructions.schema import Conversation, Message, Reject, encodable, to_json
from open_instructions.stages import language, phrases, prose, split, structure
from open_instructions.stages.html import classic as html_classic
from open_instructions.stages.html import to_markdown
from open_instructions.stages.language import votes
from open_instructions.stages.language.names import meant
from open_instructions.tokens import DEFAULT, tokenizer

from . import shapes as of_layouts
from .families import IN_JSON, IN_ROWS, families
from .timing import Case, Job

_BLOCKED = ("openai", "as an ai language model")


def _looked_for(text: str) -> None:
    """Read a text as an item, and look for it and others in itself."""
    items = items_of({"question": text, "options": [text, text], "answer": text}, LayoutOptions())
    if isinstance(items, Reject):
        return
    entries = entries_of("made", [replace(item, id=str(at)) for at, item in enumerate(items)])
    if len(entries):
        [found] = found_in([[Message("user", text)]], index_of(entries), 0.6)
        evidence(found, found.hits, index_of(entries))


def jobs() -> list[Job]:
    """A scanner each, against all families; and each source's rules and converter, against its own
    examples with such texts in them."""
    every = families()
    found = [
        Job(name, [(family, make, call) for family, make in every.items()], 30_000)
        for name, call in _scanners().items()
    ]
    found += [
        Job(name, [(family, make, call) for family, make in every.items()], 3_000)
        for name, call in _slow().items()
    ]
    pumps = [(f"{pump!r} * n", partial(_repeated, pump)) for pump in IN_JSON]
    found += [
        Job(name, [(pump, make, call) for pump, make in pumps], 100_000)
        for name, call in _json().items()
    ]
    pumps = [(f"{pump!r} * n", partial(_repeated, pump)) for pump in IN_ROWS]
    found += [
        Job(name, [(pump, make, call) for pump, make in pumps], _TABLE_SIZES.get(name, 100_000))
        for name, call in _tables().items()
    ]
    found += [
        Job(f"source {source.name}", list(_of_source(source)), 30_000)
        for source in registry().all()
    ]
    found += [
        Job("transcript of markers", list(of_layouts.of_markers()), 15_000),
        Job("layouts", list(of_layouts.of_shapes()), 30_000),
    ]
    return [
        *found,
        Job("many messages", list(_of_messages()), 20_000),
        Job("entries in a row", list(_of_entries()), 4_000),
    ]


def _repeated(pump: str, size: int) -> str:
    return pump * (size // len(pump))


def _slow() -> dict[str, Callable[[str], Any]]:
    """What takes ten microseconds for a character, whatever it is."""
    return {
        "html, classic": html_classic.to_markdown,
        "evaluation items": _looked_for,
        "words": lambda text: (words_of([text]), spans_of(text)),
        "signs": lambda text: list(signs_of(text)),
        "card": lambda text: read_card(f"---\nlicense: {text}\n---\n{text}"),
        "card, its configs": lambda text: read_card(f"---\nconfigs: [{text}\n---\n"),
        "recipe": _refused(lambda text: recipe.parse(text, "x.yaml")),
        "recipe, a value": _refused(lambda text: recipe.parse(f"languages: [{text}", "x.yaml")),
    }


def _json() -> dict[str, Callable[[str], Any]]:
    return {
        "JSON in a text": _not_json(embedded.opened, '{"a": "', '{"a": '),
        "objects of Python": _not_json(
            lambda text: literals.read_literal(text.replace('"', "'")), "{'a': '", "{'a': "
        ),
        "calls of tools": lambda text: [
            calls.read_calls(f'{{"name": "a", "arguments": {value}}}')
            for value in (text, f'"{text}', f"[{text}]", '{"a": ' + text)
        ],
        "json array": _read(_elements, "[{"),
        "json array, broken": _read(_elements, '[{"a": 1}, {"a": x'),
        "json array, deep": _read(_elements, "[" * 2000),
        "json by key": _read(jsontext.by_key, '{"a": {"b": 1}, "c": x'),
        "json envelope": _read(
            lambda buffer: jsontext.envelope(buffer, "instances"), '{"type": 1, "instances": [{'
        ),
        "json header": _read(
            lambda buffer: jsontext.header(buffer, "instances"), '{"type": 1, "instances": [{'
        ),
        "json lines": _read(jsontext.lines, ""),
        "json string": _read(_elements, '[{"a": "'),
        "record": lambda text: (
            frames.parse(frames.Frame(0, text)),
            frames.parse(frames.Frame(0, "[" * 300 + '"' + text)),
        ),
        "slabs": _in_file(
            lambda path: list(slabs.Walk(path, 1 << 16, 100, lines=False)), b'[{"a":1},{"a":'
        ),
        "slabs of lines": _in_file(
            lambda path: list(slabs.Walk(path, 1 << 16, 100, lines=True)), b""
        ),
        "file": _in_file(_read_file, b""),
        "file of columns": _in_file(_read_file, b'{"instruction": {"0": "a"}, "output": {"0": "'),
        "file in no encoding": _in_file(_read_file, b"[\xff\xfe\x81"),
        "envelope in slabs": _in_file(
            lambda path: envelopes.read_envelope(path, "instances"), b'{"instances": [{"a":'
        ),
        "digits": lambda text: slabs.certain_values(
            ("9" * 4000 + "x" + text).encode("utf-8", "replace")
        ),
    }


_TABLE_SIZES = {"table, a quote open": 300_000}
"""A file that is shorter than the reader's sample is one broken row; longer ones have rows."""


def _tables() -> dict[str, Callable[[str], Any]]:
    return {
        "table": _in_file(_read_file, b"", "x.csv"),
        "table, broken": _in_file(_read_file, b'a,b\n"x"y,z\n', "x.csv"),
        "table, a quote open": _in_file(_read_file, b'a,b\nx,"y\nz,z\n', "x.csv"),
    }


def _scanners() -> dict[str, Callable[[str], Any]]:
    stage = phrases.Phrases(_BLOCKED, phrases.LISTS, min_chars=1)
    cut = split.Split("cl100k_base", 64, 4, "truncate")
    count = tokenizer("cl100k_base").count
    return {
        "html": _markdown,
        "html in an answer": lambda text: _markdown(f"<div class='markdown'>{text}</div>"),
        "prose": lambda text: prose.prose(text),
        "phrases": lambda text: stage(
            _talk(f"I am an OpenAI thing, {text} as an AI language model.")
        ),
        "phrases, folded": lambda text: phrases._folded("é" + text),
        "split": lambda text: cut(_talk(f"{text}\n\n{text}")),
        "tokens": count,
        "language of each line": lambda text: language.labelled(
            [_talk(text), _talk(f"我们说汉语。{text}\nThis is not.")], {}
        ),
        "language": lambda text: language.detect_all([votes.words(_talk(text))], {}),
        "structure": lambda text: structure.structure(
            [Message("user", text + "\ud800"), Message("assistant", text)]
        ),
        "lock": _in_file(
            _refused(lambda path: lock.read_lock(str(path))), b'{"format": 1, "sources": ["'
        ),
        "licence": lambda text: (
            licenses.license_terms(text),
            licenses.license_terms(f"({text} OR MIT)"),
        ),
        "names of files": _refused(
            lambda text: (splits_of([text, f"data/{text}"]), fits(text, text), fits(text, "**/a"))
        ),
        "terminal": safe,
        "words of a line": lambda text: _at_words(Text(text), 80),
        "language by name": meant,
        "store.columns": lambda text: (strings([text]), encodable(text + "\ud800")),
        "metadata": lambda text: to_json({"a": text, text: [text]}),
        "transcript": of_layouts.in_every_style,
        "calls in a text": lambda text: [
            hermes.take_calls(said)
            for said in (
                text,
                f"<tool_call>{text}</tool_call>" * 2,
                f"<tool_call>{{'name': 'a', 'arguments': {{'a': '{text}'}}}}</tool_call>",
                "<tool_call>" + text,
            )
        ],
        "results in a text": lambda text: hermes.take_results(f"<tool_response>{text}" * 2),
        "lists of messages": lambda text: read_chat(_entries(text), has_tools=True),
        "choices": lambda text: shapes.multiple_choice(text, {"A": text}),
    }


def _read_file(path: Path) -> None:
    subset = registry().get("alpaca").subset("main")
    with suppress(OpenInstructionsError):
        encoding = encoding_of(path)
        for frame, _ in open_file(path, None, subset, encoding).frames():
            frames.parse(frame)


def _markdown(text: str) -> None:
    with suppress(TooLarge):  # which makes the record a reject
        to_markdown(text)


def _talk(text: str) -> Conversation:
    return Conversation(
        id="a/0",
        conversation_id="a/0",
        messages=(Message("user", f"a{text}"), Message("assistant", f"a{text}")),
        source="a",
        subset="a",
        origin_file="a",
        origin_rows=(0,),
        language="en",
        language_score=1.0,
        license="MIT",
        engine="human",
        task=None,
        num_tokens=1,
        edits=(),
        metadata="{}",
    )


class _Stream:
    fault, share = "", 1.0

    def __init__(self, data: bytes) -> None:
        self.read = BytesIO(data).read


def _read(reader: Callable[[Buffer], Any], head: str) -> Callable[[str], Any]:
    return lambda text: list(
        reader(Buffer(_Stream((head + text).encode("utf-8", "surrogatepass"))))
    )


def _elements(buffer: Buffer) -> Iterator[Any]:
    buffer.enter()
    return jsontext.array(buffer)


def _in_file(
    call: Callable[[Path], Any], head: bytes, name: str = "x.json"
) -> Callable[[str], Any]:
    def measured(text: str) -> None:
        with TemporaryDirectory() as folder:
            path = Path(folder, name)
            path.write_bytes(head + text.encode("utf-8", "surrogatepass"))
            call(path)

    return measured


def _not_json(call: Callable[[str], Any], *begins: str) -> Callable[[str], Any]:
    """What refuses text that is not JSON, behind each of these beginnings."""

    def measured(text: str) -> None:
        for begin in begins:
            with suppress(ValueError):
                call(begin + text)

    return measured


def _entries(text: str) -> list[Any]:
    """Messages of all kinds with a text in them."""
    return [
        {"role": "user", "content": [{"type": "text", "text": text}] * 2, "name": text},
        {"role": "assistant", "content": f"<tool_call>{text}</tool_call>", "reasoning": text},
        {"role": "tool_call", "content": {"name": "a", "arguments": {"a": text}}},
        {"role": "tool", "content": text},
        {"from": text, "value": text},
    ]


def _refused(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What may refuse its input, with a message of bounded length."""

    def measured(given: Any) -> None:
        try:
            call(given)
        except OpenInstructionsError as error:
            assert len(str(error)) < 2000, "a message without end"

    return measured


def _of_source(source: Source) -> Iterator[Case]:
    """Each text in each example's record, one at a time, made hostile."""
    places: dict[tuple[str, tuple[Any, ...]], Any] = {}
    for example in source.examples:
        subset = example.subset or source.default[0]
        for path in _texts(example.record):
            places.setdefault((subset, path[-1:]), (example.record, path))
    for (name, last), (record, path) in places.items():
        rules = [rule for rule in source.rules if rule.concerns(name)]
        described = source.subset(name)
        convert = partial(
            source.converter(described), **({"index_base": 1} if described.probe else {})
        )

        def call(given: Any, rules: Any = rules, convert: Any = convert) -> None:
            for one in given if isinstance(given, list) else [given]:
                for rule in rules:
                    if rule.on == "record":
                        rule.apply(one)
            for draft in convert(given):
                for rule in rules if hasattr(draft, "messages") else ():
                    if rule.on == "messages":
                        rule.apply(
                            tuple(item for item in draft.messages if isinstance(item, Message))
                        )

        for family, make in families().items():
            yield f"{name} {last[0]}: {family}", partial(_with, record, path, make), call
        yield (
            f"{name} {last[0]}: behind a task",
            partial(_with, record, path, lambda n: "\n#" * n + "Instruction:"),
            call,
        )


def _texts(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, str):
        yield path
    for key, item in (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    ):
        yield from _texts(item, (*path, key))


def _with(record: Any, path: tuple[Any, ...], make: Callable[[int], str], size: int) -> Any:
    """The record with another text at a place, with what the rules look for."""
    changed = json.loads(json.dumps(record))
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = make(size) + "Instruction: </s> ["
    return changed


def _of_messages() -> Iterator[Case]:
    """Conversations of many messages, and of many parts."""
    roles = {
        "in turn": ("user", "assistant"),
        "of one side": ("user",),
        "of the system": ("system",),
        "the wrong way": ("assistant", "user"),
    }
    for name, used in roles.items():
        yield (
            f"messages {name}",
            partial(_messages, used),
            lambda given: (structure.structure(given), structure.structure(given, "join")),
        )
    for name, make in (("in turns", _tool_turns), ("of one turn", _tool_calls)):
        yield (f"messages with tools {name}", make, structure.structure)
    limited = split.Split(DEFAULT, 8, 0)
    yield (
        "messages to split",
        partial(_messages, ("user", "assistant")),
        lambda given: limited(Conversation("a", "a", "a", tuple(given))),
    )
    sharegpt = registry().get("sharegpt")
    for name in ("raw", "v3"):
        yield (
            f"parts of {name}",
            _parts,
            partial(_converted, sharegpt.converter(sharegpt.subset(name))),
        )


_CALL = '{"name": "a", "arguments": {"b": 1}}'
_IN_A_ROW: dict[str, Any] = {
    "calls": {"role": "tool_call", "content": _CALL},
    "thoughts": {"role": "assistant", "reasoning": "a", "tool_calls": _CALL},
    "calls in texts": {"role": "assistant", "content": f"<tool_call>{_CALL}</tool_call>"},
    "results": {"role": "tool", "content": "<tool_response>a</tool_response>"},
    "parts": {"role": "user", "content": [{"type": "text", "text": "a"}], "weight": 1},
}


def _of_entries() -> Iterator[Case]:
    """Entries of one kind in a row."""
    for name, entry in _IN_A_ROW.items():
        yield name, partial(_row, entry), lambda turns: read_chat(turns, has_tools=True)


def _row(entry: Any, size: int) -> list[Any]:
    return [entry] * size


def _converted(convert: Callable[[Any], Any], given: Any) -> list[Any]:
    return list(convert(given))


def _messages(roles: tuple[str, ...], size: int) -> list[Message]:
    return [Message(roles[n % len(roles)], "a") for n in range(size)]


def _call(n: int) -> dict[str, Any]:
    return {"id": f"{n}", "type": "function", "function": {"name": "f", "arguments": {}}}


def _tool_turns(size: int) -> list[Message]:
    """Turns with a call each, all but the last without its result."""
    asks = Message("assistant", "", fields={"tool_calls": [_call(0)]})
    told = Message("tool", "a", fields={"tool_call_id": "0"})
    turn = [Message("user", "a"), asks, asks, told]
    return [*turn * (size // 4), Message("assistant", "a")]


def _tool_calls(size: int) -> list[Message]:
    """Many calls at once, with results in the other order."""
    calls = [_call(n) for n in range(size // 2)]
    results = [Message("tool", "a", fields={"tool_call_id": call["id"]}) for call in calls]
    asks = Message("assistant", "", fields={"tool_calls": calls})
    return [Message("user", "a"), asks, *results[::-1], Message("assistant", "a")]


def _parts(size: int) -> list[Any]:
    """A part of a conversation has many characters, so there are fewer of them."""
    talk = [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]
    return [{"id": f"a_{2 * n}", "conversations": talk * 2} for n in range(size // 4)]
