"""HTML turns become the Markdown that they were rendered from.

A converter says which turns can be HTML; here the text itself must bear it out. Everything else stays to the letter.
`dom` reads, `markdown` writes: both are the project's own, because no library did this right and fast. Measured in
docs/performance.md.
"""

from __future__ import annotations

import re

from ..schema import Conversation, Reject
from .dom import answer, parse
from .markdown import render
from .structure import replace_content

EDIT = "html"
_LOOKS_LIKE_HTML = re.compile(r"\s*<(?:div|p|pre|ol|ul|h[1-6]|table|blockquote|hr|img)\b[^>]*>", re.I)


class Html:
    """The stage. Turns that no converter marked, and marked ones that hold no HTML, are not touched."""

    name = "html"

    def __call__(self, conversation: Conversation) -> list[Conversation | Reject]:
        if not any(m.html and looks_like_html(m.content) for m in conversation.messages):
            return [conversation]
        messages = [m.edited(to_markdown(m.content)) if m.html and looks_like_html(m.content) else m for m in conversation.messages]
        return replace_content(conversation, messages, [EDIT])


def looks_like_html(text: str) -> bool:
    """Whether a text begins with a block of HTML."""
    return _LOOKS_LIKE_HTML.match(text) is not None


def to_markdown(html: str) -> str:
    """Markdown for one turn's HTML; code blocks keep every byte.

    >>> to_markdown("<div class='markdown'><p>Use <code>a_b</code>:</p><pre><code class='language-c'>x &lt; 1;\\n</code></pre></div>")
    'Use `a_b`:\\n\\n```c\\nx < 1;\\n```'
    """
    return render(answer(parse(html)))
