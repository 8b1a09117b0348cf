"""The page of the documentation about layouts: what is known of each, and its examples."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from .layout import Layout, LayoutExample, LayoutOptions
from .order import LAYOUTS
from .recognise import FACTS
from .styles import STYLES

_ABOUT_STYLES = """
A text is a transcript if it begins with a marker, or with the system prompt of a known template.
Markers in blocks of code are text. Of markers behind blank lines, at the beginnings of lines, and
anywhere, those count that take turns. If two of these sets do, the record is ambiguous.
"""
_INTRO = """\
# Layouts

Generated from `open_instructions/layouts/`.

A layout is a shape that the records of many sets share. Each record is recognised by its own fields
and their types, never by the name of its file, so a file with two layouts is read whole.
`oi inspect FILE` shows which layouts a file has, and what its records would become.

## How a record is recognised

Layouts are tried in the order of this page, and the first one that fits reads the record. If
another layout fits the fields that are left over, the record can be read in two ways. If both say
the same, the first one stays. If they differ, the record is rejected as `ambiguous_layout`, and the
detail names both. `--layout NAME` decides.

One record has one prompt and one answer. Where several fields could be the answer, the one that
goes with the prompt by custom is taken, as `solution` goes with `problem`; the others become
metadata. Where custom does not decide, the record is rejected as `ambiguous_layout` too.

Records that no layout reads are rejected by name. Text alone is `not_a_conversation`. Images, audio
and video are `unsupported_modality`. Anything else is `unknown_layout`, with its fields in the
detail.

Fields that a layout does not use become metadata. A system prompt and earlier turns are always part
of the conversation: if they cannot be read, the record is rejected as `lost_context`. So is a
record whose documents, contexts or table would be left beside the question, also where it has
two answers. A list of messages may
be JSON text, or what Python and NumPy print, as in tables.

If no field is known, names are tried in small letters and without what is between their words,
and then what is inside `input`, `output`, `request`, `response`, `inputs`, `outputs`, `body`,
`data` and `fields`, as logs have it. `chat_template_kwargs` may have the system prompt and the
tools. If the messages end with the user's, the answer beside them is read: `completion`,
`response`, `answer`, `output`, or the one message in `choices`.

## Parts, calls and reasoning

These hold for every list of messages.

The texts of typed parts are joined with nothing between them, as chat templates do it. One image,
audio or video part rejects the record as `unsupported_modality`.

Calls of tools are read from `tool_calls`, `function_call`, parts like `tool_use`, items of OpenAI's
responses, and turns of `function_call`. `<tool_call>` in an assistant's text is a call if the
record defines tools or has their results; without these it is text. A call becomes
`{"id", "type", "function": {"name", "arguments"}}` with its arguments as an object. The id is
upstream's, and absent if there is none. A call behind a text, or behind another call of the same
side, becomes part of that message. Arguments that are not an object reject the record as
`bad_arguments`; a call that names no function rejects it as `tool_call`. Definitions may be bare,
or JSON text. If they cannot be read, the record is rejected as `lost_context`.

`weight`, `loss`, `loss_weight` and `train` become `weight`, with 1 and 0 for true and false.
`reasoning_content`, `reasoning`, `thinking` and parts of these types become `reasoning_content`,
and so does such a field, or `complex_cot`, beside a single answer. One or two words there are a
setting.
`<think>` in a text stays there.

Parquet gives all objects of a column the same members. If all messages of a record have the same
fields and some are null, null members inside them are left out too. Those of definitions always
are, unless these are JSON text. The row's `edits` say `null_members`.

## Your own names

`--field prompt=q` reads the field `q` as the layout's `prompt`. `--field prompt=data.q` goes into
objects and lists, and `--field engine="'gpt-4o'"` gives a constant. Names on the left are those in
the first column of the tables below, and for every layout {facts}. If a record has
a field of that name as well, its value becomes metadata. `--role agent=assistant` maps a role.
"""


def as_page() -> str:
    """The page, in Markdown."""
    facts = [f"`{fact}`" for fact in FACTS]
    intro = _INTRO.replace("{facts}", f"{', '.join(facts[:-1])} and {facts[-1]}")
    parts = [intro, *(part for layout in LAYOUTS for part in _of(layout))]
    return "\n".join(parts)


def _of(layout: Layout) -> Iterator[str]:
    yield f"## {layout.name}\n\n{layout.title}\n"
    if layout.name == "transcript":
        styles = ", ".join(f"`{style.name}`" if style.worded else style.name for style in STYLES)
        yield f"Styles: {styles}."
        yield _ABOUT_STYLES
    yield "| field | its names in files |\n| --- | --- |"
    for canonical, names in layout.aliases.items():
        yield f"| `{canonical}` | {', '.join(f'`{name}`' for name in names)} |"
    yield ""
    yield from (_example(example) for example in layout.examples)


def _example(example: LayoutExample) -> str:
    record = json.dumps(example.record, ensure_ascii=False, indent=2)
    options = _options(example.options)
    lines = ["```json", record, "```", ""]
    lines += [f"With {options}:", ""] if options else []
    lines += ["```", *(line for result in example.result for line in _result(result)), "```", ""]
    return "\n".join(lines)


def _options(options: LayoutOptions) -> str:
    """The options of an example that are not the usual ones, as a recipe has them."""
    usual = LayoutOptions()
    said = {name: getattr(options, name) for name in vars(usual)}
    chosen = {name: value for name, value in said.items() if value != getattr(usual, name)}
    return " and ".join(f"`{name}: {_written(value)}`" for name, value in chosen.items())


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return "{" + ", ".join(f"{name}: {where}" for name, where in value) + "}"
    return str(value)


def _result(result: Any) -> Iterator[str]:
    """The lines of a conversation, a preference row, or a reject."""
    if isinstance(result, str):
        yield f"rejected: {result}"
    elif isinstance(result, Mapping):
        for name, messages in result.items():
            yield f"{name}:"
            yield from (f"  {line}" for line in _messages(messages))
    else:
        yield from _messages(result)


def _messages(messages: Any) -> Iterator[str]:
    for role, content in messages:
        yield f"{role}: {json.dumps(content, ensure_ascii=False)}"
