"""Records of any layout, to drafts and rejects. Each is recognised by itself, so that a file with
two layouts is read whole.

Layouts are tried in order. The first one that a record fits reads it. If another one fits what the
first left unused, the record can be read twice: where both say the same, the first stays; where
they differ, the record is a Reject `ambiguous_layout` that names both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ..preference import PreferenceDraft
from ..schema import ASSISTANT, USER, Draft, Message, Reason, Record, Reject
from . import tree
from .arena import ARENA
from .chats import MESSAGES
from .context import BESIDE
from .embedded import opened_list
from .fields import as_text, is_empty, leftover
from .inside import CHOICES, KWARGS, WRAPPERS, of_request, of_template, unwrapped
from .layout import AUTO, Layout, LayoutOptions
from .mapping import (
    Fields,
    Mapped,
    beside_displaced,
    mapped,
    seen_as,
    spelled_otherwise,
    squeezed,
    under_own_names,
)
from .order import LAYOUTS
from .prompts import CHATS, PROMPTS
from .rivals import NEEDED
from .roles import OTHER_SENDERS, SENDERS
from .sharegpt import SHAREGPT
from .transcript import TRANSCRIPT

FACTS = ("id", "task", "engine", "license", "language")
"""What a record of any layout may say about itself."""
_FACTS = frozenset(FACTS)
_MEDIUM = ("image", "images", "video", "videos", "audio", "audios")
MEDIA = frozenset(
    name + end for name in _MEDIUM for end in ("", "_path", "_paths", "_url", "_urls", "_file")
)
_TEXTS = ("text", "content")
_PROMPTS = frozenset(PROMPTS)
_WHOLE = (MESSAGES, SHAREGPT)
"""Layouts whose messages are all that is said."""
_ASKS = frozenset((*PROMPTS, *CHATS))
_SOLUTION, _GENERATED = "solution", "generations"
_SHOWN, _SHOWN_OF_A_NAME = 12, 40

Drafted = Draft | PreferenceDraft


def names() -> tuple[str, ...]:
    """What `--layout` may be."""
    return (AUTO, *(layout.name for layout in LAYOUTS))


def canonical_fields(name: str) -> tuple[str, ...]:
    """The fields that a user may map for a layout, or for any of them if it is "auto".

    Raises KeyError for a layout that is not there.
    """
    found = LAYOUTS if name == AUTO else (_named(name),)
    return tuple(dict.fromkeys((*(n for layout in found for n in layout.aliases), *FACTS)))


def known_fields() -> frozenset[str]:
    """What layouts call the fields of a record: how a file with one object is told to be a record,
    a table, or records under a key."""
    names = (n for layout in LAYOUTS for names in layout.aliases.values() for n in names)
    return frozenset((*names, *ARENA))


def convert(record: Record, options: LayoutOptions) -> list[Drafted | Reject]:
    """The drafts and rejects of a record, at least one.

    >>> convert({"question": "2 + 2?", "answer": "4"}, LayoutOptions())[0].messages[1].content
    '4'
    """
    seen = _seen(record, options)
    found: list[Drafted | Reject] = []
    for item in _read(seen, options):
        if not isinstance(item, Reject):
            item = _finished(item, seen.under.record, options)
            item = under_own_names(item, record, seen.under) if seen.fields else item
        found.append(item)
    return found


def convert_run(records: Sequence[Record], options: LayoutOptions) -> list[Drafted | Reject]:
    """The drafts and rejects of neighbouring records that are the messages of one tree."""
    under = [mapped(record, options.fields) for record in records]
    rows = [beside_displaced(each) for each in under]
    found: list[Drafted | Reject] = []
    for item in tree.convert_run(rows, options):
        if isinstance(item, Draft):
            first = rows[item.records[0]]
            facts = {name: first[name] for name in FACTS if name in first}
            fields = {name for at in item.records for name in records[at]}
            found.append(replace(_finished(item, facts, options), used=fields))
        else:
            found.append(item)
    return found


def readings(record: Record, options: LayoutOptions) -> tuple[Layout, ...]:
    """The layouts by which a record can be read; none, one, or several that nobody but the user can
    choose from."""
    seen = _seen(record, options)
    if seen.layout is None:
        return ()
    result = list(seen.layout.read(seen.under.record, options))
    return seen.layout, *_others(seen, result, options)


def layout_of(record: Record, options: LayoutOptions) -> Layout | None:
    """The layout that a record is read by; None if no layout reads it.

    >>> layout_of({"question": "2 + 2?", "answer": "4"}, LayoutOptions()).name
    'pairs'
    """
    return _seen(record, options).layout


def mapped_to(record: Record, options: LayoutOptions, layout: Layout) -> dict[str, str]:
    """The canonical fields that a record has, and what each is called in the file.

    >>> mapped_to({"query": "Hi", "response": "Hello."}, LayoutOptions(), _named("pairs"))
    {'prompt': 'query', 'completion': 'response'}
    """
    fields = _seen(record, options).fields
    own = dict(fields)
    record = seen_as(layout.aliases, mapped(record, fields), fields).record
    read = [item for item in layout.read(record, options) if not isinstance(item, Reject)]
    used = {*read[0].used, *FACTS} if read else record.keys()
    found = {}
    for canonical, aliases in {**layout.aliases, **{fact: (fact,) for fact in FACTS}}.items():
        names = [name for name in aliases if name in used and not is_empty(record.get(name))]
        if names:
            found[canonical] = own.get(names[0], names[0])
    return found


_FIELDS = known_fields()
_INNER = _FIELDS | NEEDED
_USUAL = _FIELDS.union(FACTS)
_NAMES = {
    layout.name: frozenset(name for names in layout.aliases.values() for name in names)
    for layout in LAYOUTS
}
_KNOWN = {squeezed(name): name for name in sorted(_USUAL, reverse=True)}
_BESIDE = {squeezed(name): name for name in BESIDE}
_OUTER = frozenset((*WRAPPERS, CHOICES, KWARGS))
_BY_NAME = {layout.name: layout for layout in LAYOUTS}


def _named(name: str) -> Layout:
    return _BY_NAME[name]


class _Seen(NamedTuple):
    """The layout that a record fits, if there is one, the record as it sees it, and the fields that
    were mapped for that."""

    layout: Layout | None
    under: Mapped
    fields: Fields


def _seen(record: Record, options: LayoutOptions) -> _Seen:
    fields = options.fields
    alone = options.layout == AUTO and all(name in FACTS for name, _ in fields)
    if alone and not _OUTER.isdisjoint(record):
        fields = (*fields, *of_request(record), *of_template(record))
    seen = _seen_under(fields, record, options)
    known, usual = (_BESIDE, _NAMES[seen.layout.name]) if seen.layout else (_KNOWN, _USUAL)
    if others := spelled_otherwise(record, fields, known, usual):
        again = _seen_under(others, record, options)
        seen = again if again.layout else seen
    if seen.layout is None and alone and (inner := unwrapped(record, _INNER)):
        again = _seen_under((*options.fields, *inner), record, options)
        seen = again if again.layout else seen
    return seen


def _seen_under(fields: Fields, record: Record, options: LayoutOptions) -> _Seen:
    layouts = LAYOUTS if options.layout == AUTO else (_named(options.layout),)
    under = mapped(record, fields) if fields else Mapped(record, {})
    for layout in layouts:
        view = seen_as(layout.aliases, under, fields) if fields else under
        if layout.fits(view.record, options):
            return _Seen(layout, view, fields)
    return _Seen(None, under, fields)


def _read(seen: _Seen, options: LayoutOptions) -> Sequence[Drafted | Reject]:
    layout, (record, _), _ = seen
    if not MEDIA.isdisjoint(record):
        for name in sorted(MEDIA.intersection(record)):
            if not is_empty(record[name]):
                detail = f"{name!r} cannot be put into the conversation"
                return (Reject(Reason.UNSUPPORTED_MODALITY, detail),)
    if layout is None:
        return (_unknown(record, options),)
    result = list(layout.read(record, options))
    if options.layout != AUTO:
        return result
    for other in _others(seen, result, options):
        detail = f"{layout.name} and {other.name} both fit, and differ"
        return (Reject(Reason.AMBIGUOUS_LAYOUT, detail),)
    if layout in _WHOLE and (lost := _prompt_beside(record, result)):
        return (lost,)
    return result


def _prompt_beside(record: Record, result: Sequence[Drafted | Reject]) -> Reject | None:
    """A Reject if a prompt beside the messages is in none of them: the answers may depend on it."""
    draft = result[0] if len(result) == 1 else None
    if _PROMPTS.isdisjoint(record) or not isinstance(draft, Draft):
        return None
    texts = [m.content for m in draft.messages if isinstance(m, Message)]
    for name in PROMPTS:
        said = record.get(name)
        if name in draft.used or not isinstance(said, str) or not said.strip():
            continue
        if not any(said.strip() in text for text in texts):
            detail = f"{name!r} is in no message: name the layout to keep it as metadata"
            return Reject(Reason.LOST_CONTEXT, detail)
    return None


def _others(
    seen: _Seen, result: Sequence[Drafted | Reject], options: LayoutOptions
) -> list[Layout]:
    """The layouts that fit what one has left of a record, and say something else."""
    draft = next((item for item in result if not isinstance(item, Reject)), None)
    if draft is None:
        return []
    left = leftover(seen.under.record, draft.used)
    if not left:
        return []
    found = []
    for other in LAYOUTS:
        if other is seen.layout or not other.fits(left, options):
            continue
        drafts = [item for item in other.read(left, options) if not isinstance(item, Reject)]
        if drafts and all(_is_reference(item, draft, left) for item in drafts):
            continue
        if drafts and not any(_agree(draft, item, other is TRANSCRIPT) for item in drafts):
            found.append(other)
    return found


def _is_reference(item: Drafted, whole: Drafted, left: Record) -> bool:
    """Whether a pair is the problem that is in the messages, with the solution of who set it: the
    answer there is one of a model's generations, or begins with what it thought."""
    if not isinstance(item, Draft) or not isinstance(whole, Draft) or _SOLUTION not in item.used:
        return False
    said, other = _turns(whole), _turns(item)
    if not said or not other or other[0][1] not in said[0][1]:
        return False
    answer = said[-1][1]
    generated = opened_list(left.get(_GENERATED)) or []
    return answer.startswith("<think>") or any(answer == str(text).strip() for text in generated)


def _agree(one: Drafted, other: Drafted, rendered: bool) -> bool:
    """Whether two readings say the same, but for a system prompt that one of them may not have. A
    transcript that a template made of the other fields may say more in a message, such as that
    there is no input."""
    mine, theirs = _turns(one), _turns(other)
    if mine == theirs or not rendered or len(mine) != len(theirs):
        return mine == theirs
    return all(
        role == other_role and text in other_text
        for (role, text, _), (other_role, other_text, _) in zip(mine, theirs, strict=True)
    )


def _turns(draft: Drafted) -> list[tuple[Any, ...]]:
    if isinstance(draft, PreferenceDraft):
        messages: Sequence[Message | Reject] = (*draft.prompt, *draft.chosen)
    else:
        messages = draft.messages
    return [
        (message.role, message.content.strip(), message.fields)
        for message in messages
        if isinstance(message, Message) and message.role in (USER, ASSISTANT)
    ]


def _finished(item: Drafted, record: Record, options: LayoutOptions) -> Drafted:
    """A draft with what the record says about itself."""
    if options.html:
        item = _as_html(item)
    if _FACTS.isdisjoint(record):
        return item
    said: dict[str, Any] = {}
    for name in FACTS:
        if name not in record or name in item.used:
            continue
        value = as_text(record[name]) if name == "id" else record[name]
        if not isinstance(value, str) or not value.strip():
            continue
        if name != "language" and hasattr(item, name) and getattr(item, name) is None:
            said[name] = value
    if not said:
        return item
    return replace(item, used=(*item.used, *said), **said)


def _as_html(item: Drafted) -> Drafted:
    """A draft with the assistant's messages marked as HTML."""
    if isinstance(item, Draft):
        return replace(item, messages=_marked(item.messages))
    return replace(
        item,
        prompt=_marked(item.prompt),
        chosen=_marked(item.chosen),
        rejected=_marked(item.rejected),
    )


def _marked(items: Sequence[Any]) -> list[Any]:
    answers = (isinstance(item, Message) and item.role == ASSISTANT for item in items)
    return [i._replace(html=True) if a else i for i, a in zip(items, answers, strict=True)]


def _unknown(record: Record, options: LayoutOptions) -> Reject:
    """Why no layout reads a record."""
    is_text = any(isinstance(record.get(name), str) for name in _TEXTS)
    if is_text and _ASKS.isdisjoint(record):
        who = next((name for name in (*SENDERS, *OTHER_SENDERS) if name in record), None)
        alone = "a message by itself: a record has the list of them"
        detail = alone if who else "a text without a marker of who speaks"
        return Reject(Reason.NOT_A_CONVERSATION, detail)
    wanted = "no layout" if options.layout == AUTO else f"not the layout {options.layout}"
    detail = f"{wanted} has these fields: {_listed(record)}"
    if options.layout == AUTO and sum(isinstance(value, str) for value in record.values()) > 1:
        detail += "; --field prompt=NAME --field completion=NAME say what they are"
    return Reject(Reason.UNKNOWN_LAYOUT, detail)


def _listed(record: Mapping[str, Any]) -> str:
    """The names of fields, a dozen at most, and each without what a terminal would obey."""
    shown = [repr(str(name)[:_SHOWN_OF_A_NAME])[1:-1] for name in list(record)[:_SHOWN]]
    more = len(record) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
