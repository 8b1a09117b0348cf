"""An explanation as lines of text: coloured by the command, plain in a notebook."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from . import alike
from .alignment import lacking, marked, near_first

if TYPE_CHECKING:
    from .alignment import Aligned, Place
    from .explain import Explanation

Line = tuple[str, str]
"""The kind of the line (heading, refused, note, added, removed, near, or "" for any other), and its
text."""
_MOST_LINES = 60


class Limit(NamedTuple):
    """The number of characters shown of a text by default, and how to see all of it."""

    characters: int
    ask: str


LONG = Limit(2000, "--full shows them")
LONG_IN_PYTHON = Limit(2000, ".raw and .steps have them")


def lines(found: Explanation, most: Limit | None) -> list[Line]:
    """An explanation as lines. Texts longer than `most` are shortened. Text from the data is not
    escaped."""
    said: list[Line] = []

    def say(text: str, kind: str = "") -> None:
        said.append((kind, text))

    origin: dict[str, Any] = (found.rows or found.rejected)[0]
    say(found.id, "heading")
    say(
        f"  from {origin['origin_file']}, record {origin['origin_row']}, of "
        f"{origin['source']}:{origin['subset']}"
    )
    for place in found.through:
        say(f"  by way of the build {place}")
    for row in found.rows:
        say(
            f"  kept as {row['id']}: {row['num_turns']} "
            f"pair{'s' if row['num_turns'] != 1 else ''}, {_tokens(row):,} tokens, "
            f"{row['language']} {row['language_score']:.2f}"
            + (f", in {found.split}" if found.split else "")
        )
        if "chosen" in row:
            say(f"    {_preferred(row)}")
        say(
            f"    licence {row['license']}, answers by {_engine(row)}"
            + (f", task {row['task']}" if row["task"] else "")
        )
        say(
            f"    changed by {', '.join(row['edits'])}"
            if row["edits"]
            else "    changed by nothing"
        )
    for row in found.rejected:
        what = "marked" if row["level"] == "mark" else f"rejected {row['level']}"
        say(f"  {what} at {row['stage']}: {row['reason']}: {row['detail']}", "refused")
        if row["level"] == "mark" and row["evidence"]:
            say(_indent(_short(_pretty(row["evidence"]), most)))
        if row["level"] in ("message", "row"):
            say(_indent(_short(row["raw"], most and most._replace(characters=300))))
    if found.note:
        say(f"  {found.note.command}", "note")
    if found.header:
        say("the file says once for all its records", "heading")
        say(_indent(_short(_pretty(found.header), most)))
    if found.raw:
        say("as read", "heading")
        say(_indent(_short(_pretty(found.raw), most)))
    before: list[str] = []
    for step in found.steps:
        if step.record is not None:
            say(f"rules on the record  {step.labels}", "heading")
            said += _changes(
                _pretty(found.raw).split("\n"),
                json.dumps(step.record, ensure_ascii=False, indent=2).split("\n"),
                most,
            )
            continue
        after = [
            line
            for talk in step.conversations
            for role, content in talk
            for line in f"{role}: {content}".split("\n")
        ]
        same = bool(before) and after == before
        say(
            f"{step.stage}"
            + (f"  {step.labels}" if step.labels else "")
            + ("  nothing changed" if same and not step.refused else ""),
            "heading",
        )
        for refused in step.refused:
            say(f"  - {refused}", "refused")
        if not step.conversations:
            continue
        if not before:
            say(_indent(_short("\n".join(after), most)))
        elif not same:
            said += _changes(before, after, most)
        before = after
    if found.alike and found.alike.own and found.alike.kept:
        similarity = found.alike.score or 0
        say(f"this row beside {found.alike.other}, similarity {similarity:.2f}", "heading")
        say("  [-only here-] {+only there+}", "near")
        say(_indent(_short(alike.marked(found.alike.own, found.alike.kept), most)))
    for hit in found.aligned:
        said += _hit(hit, found, most)
    return said


def _hit(hit: Aligned, found: Explanation, most: Limit | None) -> list[Line]:
    """An item of an evaluation set, beside the message that has it."""
    part = hit.part.replace("_", " ")
    where = " and ".join(map(str, hit.places))
    told = f"{part} of {hit.item}: {hit.cover:.0%} of its words are in {where}"
    said = [("heading", told)]
    known = [_message(found, place) for place in hit.places]
    for message, place in zip(known, hit.places, strict=True):
        if message:
            begun = (message, place.spans) if most is None else near_first(message, place.spans)
            said.append(("", _indent(_short(marked(*begun), most))))
    if not hit.text:
        return [*said, ("note", "  The evaluation set is not on this machine.")]
    said.append(("near", "  in the evaluation set, with the words in brackets that it lacks:"))
    beside = lacking(hit.text, "\n".join(known)) if all(known) else hit.text
    said.append(("", _indent(_short(beside, most))))
    return said


def _message(found: Explanation, place: Place) -> str:
    """A message of the conversation as it was before the split; "" if the file is not here, or for
    another field than its content."""
    whole = [s for s in found.steps if s.conversations and s.stage != "split"]
    talk = whole[-1].conversations[0] if whole and place.field == "content" else []
    return talk[place.message][1] if 0 <= place.message < len(talk) else ""


def _tokens(row: dict[str, Any]) -> int:
    if "num_tokens" in row:
        return int(row["num_tokens"])
    return sum(row[f"{name}_tokens"] for name in ("prompt", "chosen", "rejected"))


def _engine(row: dict[str, Any]) -> str:
    if "engine" in row:
        return str(row["engine"])
    return f"{row['chosen_engine']} (chosen) and {row['rejected_engine']} (rejected)"


def _preferred(row: dict[str, Any]) -> str:
    """How the two answers of a preference row compare."""
    said = "a preference row"
    if row["chosen_score"] is not None and row["rejected_score"] is not None:
        name = row["score_name"] or "score"
        said += f": {name} {row['chosen_score']:g} against {row['rejected_score']:g}"
    return said + (f", by {row['judge']}" if row["judge"] else "")


def _changes(before: list[str], after: list[str], most: Limit | None) -> list[Line]:
    """The removed and added lines, with one line of context around them, like a diff."""
    shown = _shortened(list(difflib.unified_diff(before, after, lineterm="", n=1))[2:], most)
    return [({"+": "added", "-": "removed"}.get(line[:1], "near"), "  " + line) for line in shown]


def _pretty(raw: str) -> str:
    try:
        return "\n".join(
            json.dumps(json.loads(line), ensure_ascii=False, indent=2) for line in [raw]
        )
    except (ValueError, RecursionError):
        return raw


def _short(text: str, most: Limit | None) -> str:
    more = 0 if most is None else len(text) - most.characters
    if most is None or more <= 0:
        return text
    return f"{text[: most.characters]}\n… {more:,} more characters; {most.ask}"


def _shortened(lines: list[str], most: Limit | None) -> list[str]:
    more = len(lines) - _MOST_LINES
    if most is None or more <= 0:
        return lines
    return [*lines[:_MOST_LINES], f"… {more:,} more lines; {most.ask}"]


def _indent(text: str) -> str:
    return "\n".join("  " + line for line in text.split("\n"))
