"""Known damage of ShareGPT-90K, in messages: what export tools and the page wrote into them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from open_instructions.schema import SYSTEM, USER, Message, Reason, Reject

_BANNER = re.compile(
    r"\W*(?:this )?(?:chat )?conversation (?:is |was )?(?:shared|exported|generated)\b", re.I
)
_PAGER = re.compile(r"(\d{1,2}) / (\d{1,2})(?=[^\W\d])")
_COUNTER = re.compile(r"Copy\d+ chars / \d+ words\Z")


def refuse_banners(messages: tuple[Message, ...]) -> Sequence[Message | Reject]:
    if not any(map(_is_banner, messages)):
        return messages
    reject = Reject(Reason.EXPORT_BANNER, "an export tool wrote it; it is not a system prompt")
    return _refused(messages, _is_banner, reject)


def _is_banner(message: Message) -> bool:
    return message.role == SYSTEM and _BANNER.match(message.content) is not None


def refuse_placeholders(messages: tuple[Message, ...]) -> Sequence[Message | Reject]:
    if not any(map(_is_placeholder, messages)):
        return messages
    reject = Reject(Reason.PLACEHOLDER, "the page showed no content")
    return _refused(messages, _is_placeholder, reject)


def _is_placeholder(message: Message) -> bool:
    return message.content.strip() == "EmptyMarkdownContent"


def _refused(
    messages: tuple[Message, ...], wrong: Callable[[Message], bool], reject: Reject
) -> list[Message | Reject]:
    """The messages, with a Reject in place of each faulty one."""
    items: list[Message | Reject] = []
    for message in messages:
        items.append(reject._replace(message=message) if wrong(message) else message)
    return items


def _without_chrome(message: Message) -> Message:
    text = message.content
    pager = _PAGER.match(text)
    # the page shows the newest of several versions: "2 / 2", and nothing like "3 / 4cup"
    if pager and 1 < int(pager[1]) == int(pager[2]):
        text = text[pager.end() :]
    text = _COUNTER.sub("", text)
    if text == message.content:
        return message
    return message.edited(text)


def drop_page_chrome(messages: tuple[Message, ...]) -> Sequence[Message | Reject]:
    changed = tuple(_without_chrome(m) if m.role == USER else m for m in messages)
    if all(a is b for a, b in zip(changed, messages, strict=True)):
        return messages
    return changed
