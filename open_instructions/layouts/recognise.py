"""Records of any layout, to drafts and rejects. Each is recognised by itself, so that a file with
two layouts is read whole.

Layouts are tried in order. The first one that a record fits reads it. If another one fits what the
first left unused, the record can be read twice: where both say the same, the first stays; where
they differ, the record is a Reject `ambiguous_layout` that names both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..preference import PreferenceDraft
from ..schema import ASSISTANT, USER, Draft, Message, Reason, Record, Reject
from .fields import as_text, is_empty, leftover
from .layout import AUTO, Layout, LayoutOptions
from .mapping import mapped, under_own_names
from .order import LAYOUTS

FACTS = ("id", "task", "engine", "license", "language")
"""What a record of any layout may say about itself."""
_FACTS = frozenset(FACTS)
MEDIA = frozenset(("image", "images", "video", "videos", "audio", "audios"))
_TEXTS = ("text", "content")
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


def convert(record: Record, options: LayoutOptions) -> list[Drafted | Reject]:
    """The drafts and rejects of a record, at least one.

    >>> convert({"question": "2 + 2?", "answer": "4"}, LayoutOptions())[0].messages[1].content
    '4'
    """
    if not options.fields:
        return [_finished(item, record, options) for item in _read(record, options)]
    under = mapped(record, options.fields)
    found = [_finished(item, under.record, options) for item in _read(under.record, options)]
    return [
        item if isinstance(item, Reject) else under_own_names(item, record, under) for item in found
    ]


def readings(record: Record, options: LayoutOptions) -> tuple[Layout, ...]:
    """The layouts by which a record can be read; none, one, or several that nobody but the user can
    choose from."""
    if options.fields:
        record = mapped(record, options.fields).record
    first = _first(record, options)
    if first is None:
        return ()
    return first, *_others(first, list(first.read(record, options)), record, options)


def mapped_to(record: Record, options: LayoutOptions, layout: Layout) -> dict[str, str]:
    """The canonical fields that a record has, and what each is called in the file.

    >>> mapped_to({"query": "Hi", "response": "Hello."}, LayoutOptions(), _named("pairs"))
    {'prompt': 'query', 'completion': 'response'}
    """
    own = dict(options.fields)
    if own:
        record = mapped(record, options.fields).record
    found = {}
    for canonical, aliases in {**layout.aliases, **{fact: (fact,) for fact in FACTS}}.items():
        name = next((alias for alias in aliases if not is_empty(record.get(alias))), None)
        if name is not None:
            found[canonical] = own.get(name, name)
    return found


def _named(name: str) -> Layout:
    return {layout.name: layout for layout in LAYOUTS}[name]


def _first(record: Record, options: LayoutOptions) -> Layout | None:
    if options.layout != AUTO:
        layout = _named(options.layout)
        return layout if layout.fits(record, options) else None
    return next((layout for layout in LAYOUTS if layout.fits(record, options)), None)


def _read(record: Record, options: LayoutOptions) -> Sequence[Drafted | Reject]:
    if not MEDIA.isdisjoint(record):
        for name in sorted(MEDIA.intersection(record)):
            if not is_empty(record[name]):
                detail = f"{name!r} cannot be put into the conversation"
                return (Reject(Reason.UNSUPPORTED_MODALITY, detail),)
    layout = _first(record, options)
    if layout is None:
        return (_unknown(record, options),)
    result = list(layout.read(record, options))
    if options.layout != AUTO:
        return result
    for other in _others(layout, result, record, options):
        detail = f"{layout.name} and {other.name} both fit, and differ"
        return (Reject(Reason.AMBIGUOUS_LAYOUT, detail),)
    return result


def _others(
    layout: Layout, result: Sequence[Drafted | Reject], record: Record, options: LayoutOptions
) -> list[Layout]:
    """The layouts that fit what one has left of a record, and say something else."""
    draft = next((item for item in result if not isinstance(item, Reject)), None)
    if draft is None:
        return []
    left = leftover(record, draft.used)
    if not left:
        return []
    found = []
    for other in LAYOUTS:
        if other is layout or not other.fits(left, options):
            continue
        drafts = [item for item in other.read(left, options) if not isinstance(item, Reject)]
        if drafts and not any(_agree(draft, item) for item in drafts):
            found.append(other)
    return found


def _agree(one: Drafted, other: Drafted) -> bool:
    """Whether two readings say the same, but for a system prompt that one of them may not have."""
    return _turns(one) == _turns(other)


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


def _finished(item: Drafted | Reject, record: Record, options: LayoutOptions) -> Drafted | Reject:
    """A draft with what the record says about itself."""
    if isinstance(item, Reject) or _FACTS.isdisjoint(record):
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


def _unknown(record: Record, options: LayoutOptions) -> Reject:
    """Why no layout reads a record."""
    known = {name for layout in LAYOUTS for names in layout.aliases.values() for name in names}
    if any(isinstance(record.get(name), str) for name in _TEXTS) and not (
        known.difference(_TEXTS).intersection(record)
    ):
        return Reject(Reason.NOT_A_CONVERSATION, "a text without a marker of who speaks")
    wanted = "no layout" if options.layout == AUTO else f"not the layout {options.layout}"
    return Reject(Reason.UNKNOWN_LAYOUT, f"{wanted} has these fields: {_listed(record)}")


def _listed(record: Mapping[str, Any]) -> str:
    """The names of fields, a dozen at most, and each without what a terminal would obey."""
    shown = [repr(str(name)[:_SHOWN_OF_A_NAME])[1:-1] for name in list(record)[:_SHOWN]]
    more = len(record) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
