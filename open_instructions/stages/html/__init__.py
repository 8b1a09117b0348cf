"""Turns HTML messages into the Markdown that they were rendered from.

A converter says which messages may be HTML, and the text itself must confirm it. Everything else
stays to the letter. `dom` reads and `markdown` writes; both are the project's own, because no
library was both correct and fast (docs/development/html.md has the measurements).
"""

from __future__ import annotations

import re

from ...limits import Room, TooLarge
from ...schema import TOOL, Conversation, Message, Reason, Reject
from ..structure import replace_content
from .dom import answer, parse
from .markdown import render
from .tags import TAG

EDIT = "html"
_BLOCK = re.compile(
    r"<(?:div|p|pre|ol|ul|dl|h[1-6]|table|blockquote|hr|img|section|article|details|html|body)"
    r"(?![a-z0-9-])[^<>]*+>",
    re.I,
)
_LEAD = re.compile(r"[\s\ufeff]*+")
"""White space and byte order marks."""


class Html:
    """The stage. It leaves alone messages that no converter marked, marked ones without HTML, and
    results of tools: what a tool returned is data."""

    name = "html"

    def __call__(self, conversation: Conversation) -> list[Conversation | Reject]:
        pages = [
            m.html and m.role != TOOL and looks_like_html(m.content) for m in conversation.messages
        ]
        if not any(pages):
            return [conversation]
        messages: list[Message] = []
        for message, page in zip(conversation.messages, pages, strict=True):
            try:
                messages.append(message.edited(to_markdown(message.content)) if page else message)
            except TooLarge:
                size = f"{len(message.content):,} characters of HTML"
                detail = f"{size} that would become many times as much Markdown"
                return [Reject(Reason.TOO_LARGE, detail)]
        return replace_content(conversation, messages, [EDIT])


def looks_like_html(text: str) -> bool:
    """Whether a text begins with a block of HTML, possibly after comments and a document type.

    >>> looks_like_html("<!-- language: lang-js -->\\n\\n<p>Why?</p>")
    True
    >>> looks_like_html("<b> is a tag")
    False
    """
    pos = _skipped(_LEAD, text, 0)
    while text.startswith("<!", pos):
        end = _skipped(TAG, text, pos)
        if end == pos:
            return False
        pos = _skipped(_LEAD, text, end)
    return _BLOCK.match(text, pos) is not None


def _skipped(pattern: re.Pattern[str], text: str, pos: int) -> int:
    match = pattern.match(text, pos)
    if match:
        return match.end()
    return pos


def to_markdown(html: str) -> str:
    """Markdown for the HTML of one message; code blocks keep every byte. Raises TooLarge, see
    `limits.Room`.

    >>> code = "<pre><code class='language-c'>x &lt; 1;\\n</code></pre>"
    >>> to_markdown(f"<div class='markdown'><p>Use <code>a_b</code>:</p>{code}</div>")
    'Use `a_b`:\\n\\n```c\\nx < 1;\\n```'
    """
    return render(answer(parse(html.lstrip(" \t\n\r\f\ufeff"))), Room(len(html)))
