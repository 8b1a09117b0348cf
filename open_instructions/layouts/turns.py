"""One text with markers, cut into the entries of a conversation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ..schema import ASSISTANT, SYSTEM, TOOL, USER, Reason, Reject
from .code import blocks_of_code
from .styles import BEGIN, CALLS, ENDS, MORE, PREAMBLE_ENDS, PREAMBLES, STYLES, Style

_LIKELY = re.compile(
    r"\s*+(?:<|\[INST|##|Human:|AI:|User:|System:|Assistant:|[A-Z]{4,9}:|A chat|Below)"
)
"""What a marker or a preamble begins with."""
_SYS = re.compile(r"\s*+<<SYS>>(.*?)<</SYS>>", re.S)
_NEXT = {
    None: (SYSTEM, USER),
    SYSTEM: (USER,),
    USER: (ASSISTANT,),
    ASSISTANT: (USER, TOOL),
    TOOL: (ASSISTANT, TOOL),
}
"""Who may speak after whom."""
_BLANK_LINE, _LINE, _ANYWHERE = 2, 1, 0
"""What stands before a marker: a blank line, a line break, something else."""


class Turns(NamedTuple):
    """The entries of a text, {"role", "content"}, and the name of its style."""

    entries: list[dict[str, Any]]
    style: str

    @property
    def waits(self) -> bool:
        """Whether it ends where the assistant would begin to speak."""
        last = self.entries[-1]
        return bool(last["role"] == ASSISTANT and not last["content"])


class _Marker(NamedTuple):
    start: int
    end: int
    role: str
    """"" where a message ends"""
    place: int


def turns_of(text: str) -> Turns | Reject | None:
    """The entries of a conversation in one text; None if the text does not begin with a marker.

    A Reject where the markers can be taken in two ways, or do not take turns.

    >>> turns_of("Human: Hi\\n\\nAssistant: Hello.").entries[1]
    {'role': 'assistant', 'content': 'Hello.'}
    """
    begin = BEGIN.match(text).end()  # type: ignore[union-attr]
    style, first = _style(text, begin)
    if style is None:
        return None
    markers = _markers(text, style, first)
    if isinstance(markers, Reject):
        return markers
    if not style.worded:
        return _of_tokens(text, style, markers)
    chosen = _chosen(markers, bool(begin) and text[:begin].endswith("\n\n"))
    if isinstance(chosen, str):
        return Reject(Reason.AMBIGUOUS_LAYOUT, f"the markers of {style.name!r} {chosen}")
    entries = [
        {"role": marker.role, "content": _content(text, marker.end, end)}
        for marker, end in _with_ends(chosen, len(text))
    ]
    if preamble := text[begin:first].strip():
        entries.insert(0, {"role": SYSTEM, "content": preamble})
    return Turns(_added(entries), style.name)


def without_end(prompt: str, answer: str) -> str:
    """The answer to a prompt that a template made, without the token that the template puts behind
    it. Words that are markers stay: who wrote them may have meant them.

    >>> prompt = "<|im_start|>user\\nHi<|im_end|>\\n<|im_start|>assistant\\n"
    >>> without_end(prompt, "Hello.<|im_end|>")
    'Hello.'
    """
    style, _ = _style(prompt, BEGIN.match(prompt).end())  # type: ignore[union-attr]
    if style is None or style.worded:
        return answer
    said = answer.rstrip()
    last = next((m for m in style.markers.finditer(said) if m.end() == len(said)), None)
    return answer if last is None or last["role"] else said[: last.start()].rstrip()


def begins_as_turns(text: str) -> bool:
    """Whether a text begins with a marker, or with the system prompt of a template."""
    if not _LIKELY.match(text):
        return False
    return _style(text, BEGIN.match(text).end())[0] is not None  # type: ignore[union-attr]


def _style(text: str, begin: int) -> tuple[Style | None, int]:
    """The style of a text and where its first marker stands."""
    for style in STYLES:
        if style.begins.match(text, begin):
            return style, begin
    names = next((PREAMBLES[p] for p in PREAMBLES if text.startswith(p, begin)), ())
    found = [
        (match.start(), style)
        for style in STYLES
        if style.name in names
        and (match := style.begins.search(text, begin, begin + PREAMBLE_ENDS))
    ]
    if not found:
        return None, 0
    first, style = min(found, key=lambda item: item[0])
    return style, first


def _markers(text: str, style: Style, first: int) -> list[_Marker] | Reject:
    """The markers of a style that are not in blocks of code; a Reject where a block that is never
    closed leaves open what is in one."""
    found = [(m.start(), m.end(), m["role"] or "") for m in style.markers.finditer(text, first)]
    blocks, torn = blocks_of_code(text, [(start, end) for start, end, _ in found])
    markers: list[_Marker] = []
    at = 0
    for start, end, word in found:
        while at < len(blocks) and blocks[at][1] <= start:
            at += 1
        if at < len(blocks) and blocks[at][0] < start:
            continue
        place = _place(text, start, first) if style.worded else _ANYWHERE
        markers.append(_Marker(start, end, style.roles.get(word, word), place))
    if torn and len(markers) < len(found):
        return Reject(
            Reason.AMBIGUOUS_LAYOUT, f"markers of {style.name!r} in code that may not be code"
        )
    return markers


def _place(text: str, at: int, first: int) -> int:
    before = text[max(first, at - 40) : at].rstrip(" \t")
    if at == first or before.endswith(("\n\n", *ENDS)):
        return _BLANK_LINE
    return _LINE if text[at - 1] == "\n" else _ANYWHERE


def _chosen(markers: Sequence[_Marker], begins_with_blank_line: bool) -> list[_Marker] | str:
    """The markers that are meant; why nobody can say. Those behind blank lines, those at the
    beginnings of lines, or all: of these, the ones that take turns."""
    found: list[list[_Marker]] = []
    for place in (_BLANK_LINE, _LINE, _ANYWHERE):
        some = [marker for marker in markers if marker.place >= place]
        if _take_turns(some) and some not in found:
            found.append(some)
        if begins_with_blank_line and found:
            break
    if not found:
        return "do not take turns"
    if len(found) > 1:
        return "take turns behind blank lines, and within them"
    return found[0]


def _take_turns(markers: Iterable[_Marker]) -> bool:
    last: str | None = None
    answered = False
    for marker in markers:
        if marker.role == MORE:
            if last != USER:
                return False
            continue
        if marker.role not in _NEXT[last]:
            return False
        last = marker.role
        answered |= last == ASSISTANT
    return answered


def _with_ends(markers: Sequence[_Marker], end: int) -> list[tuple[_Marker, int]]:
    ends = [*(marker.start for marker in markers[1:]), end]
    return list(zip(markers, ends, strict=True))


def _content(text: str, start: int, end: int) -> str:
    """What is said between two places, without the white space and the end token of the style; the
    indentation of a first line of its own stays."""
    said = text[start:end].rstrip()
    last = next((token for token in ENDS if said.endswith(token)), "")
    said = said.removesuffix(last).rstrip()
    line = said[: len(said) - len(said.lstrip())].rfind("\n")
    return said[line + 1 :] if line >= 0 else said.lstrip()


def _added(entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Entries with what is added to a user's message in it."""
    result: list[dict[str, Any]] = []
    for entry in entries:
        if entry["role"] != MORE:
            result.append(entry)
        elif entry["content"]:
            asked = result[-1]["content"]
            result[-1] = {"role": USER, "content": f"{asked}\n\n{entry['content']}"}
    return result


def _of_tokens(text: str, style: Style, markers: Sequence[_Marker]) -> Turns | Reject:
    for token in CALLS:
        if token in text:
            return Reject(Reason.TOOL_CALL, f"a call behind {token!r} is not read")
    entries: list[dict[str, Any]] = []
    for marker, end in _with_ends(markers, len(text)):
        if marker.role:
            entries.append({"role": marker.role, "content": _content(text, marker.end, end)})
        elif text[marker.end : end].strip():
            return Reject(
                Reason.AMBIGUOUS_LAYOUT, f"text outside of the messages of {style.name!r}"
            )
    system = _SYS.match(entries[0]["content"])
    if system:
        said = {"role": SYSTEM, "content": system[1].strip()}
        rest = _content(entries[0]["content"], system.end(), len(entries[0]["content"]))
        entries[:1] = [said, {"role": USER, "content": rest}]
    return Turns(entries, style.name)
