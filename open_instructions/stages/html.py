"""HTML turns become the Markdown that they were rendered from.

A converter says which turns can be HTML; here the text itself must bear it out. Everything else stays to the letter.
Page chrome (copy buttons, header bars, pagers) is known by its place in the DOM, never by its words.
"""

from __future__ import annotations

import re
from typing import Any

from bs4 import BeautifulSoup, Tag
from markdownify import MarkdownConverter

from ..schema import Conversation, Message, Reject, replace_content

EDIT = "html"
_LOOKS_LIKE_HTML = re.compile(r"\s*<(?:div|p|pre|ol|ul|h[1-6]|table|blockquote|hr|img)\b[^>]*>", re.I)
_PAGER = re.compile(r"\d+ / \d+")
_LABEL = re.compile(r"[A-Za-z][\w+#.-]{0,24}")
_BLANK_LINES = re.compile(r"\n{3,}")
_MARK = re.compile(r"\0(\d+)\0")


class Html:
    """The stage. Turns that no converter marked, and marked ones that hold no HTML, are not touched."""

    name = "html"
    version = 1

    def __call__(self, conversation: Conversation) -> list[Conversation | Reject]:
        if not any(m.html and _LOOKS_LIKE_HTML.match(m.content) for m in conversation.messages):
            return [conversation]
        messages = [
            Message(m.role, to_markdown(m.content)) if m.html and _LOOKS_LIKE_HTML.match(m.content) else m for m in conversation.messages
        ]
        return replace_content(conversation, messages, [EDIT])


def to_markdown(html: str) -> str:
    """Markdown for one turn's HTML; code blocks keep every byte.

    >>> to_markdown("<div class='markdown'><p>Use <code>a_b</code>:</p><pre><code class='language-c'>x &lt; 1;\\n</code></pre></div>")
    'Use `a_b`:\\n\\n```c\\nx < 1;\\n```'
    """
    soup = BeautifulSoup(html.replace("\0", "\ufffd"), "html.parser")  # what HTML makes of NUL, which marks code below
    for chrome in soup.find_all(["button", "svg", "script", "style"]):
        chrome.decompose()
    root = soup.select_one("div.markdown, div[class*='markdown ']")
    if root:
        _drop_pagers(soup, root)
    codes: list[str] = []
    for pre in soup.find_all("pre"):
        if not pre.find_parent("pre"):
            codes.append(_code_block(pre))
            pre.clear()
            pre.string = str(len(codes) - 1)
    text = _Converter(codes).convert_soup(soup)
    return _put_back(text, codes).strip("\n").rstrip()


def _put_back(text: str, codes: list[str]) -> str:
    """Replace each mark by its code block, indented like the list or quote that it stands in.

    This comes last, so that nothing that tidies prose ever sees code.
    """
    prose, *rest = _MARK.split(text)
    result = _BLANK_LINES.sub("\n\n", prose)
    for number, prose in zip(rest[::2], rest[1::2], strict=True):
        prefix = re.sub(r"[^\s>]", " ", result[result.rfind("\n") + 1 :])
        first, *lines = codes[int(number)].split("\n")
        result += "\n".join([first, *((prefix if line else prefix.rstrip()) + line for line in lines)])
        result += _BLANK_LINES.sub("\n\n", prose)
    return result


def _drop_pagers(soup: BeautifulSoup, root: Tag) -> None:
    for text in list(soup.find_all(string=_PAGER)):
        if _PAGER.fullmatch(text.strip()) and root not in text.parents:
            text.extract()


def _code_block(pre: Tag) -> str:
    """A fence long enough for what it holds. The header's label is the language; the class is highlight.js's guess."""
    code = pre.find("code") or pre
    text = code.get_text()
    label = ""
    if code is not pre:
        head = " ".join(s.strip() for s in pre.find_all(string=True) if code not in s.parents and s.strip())
        label = head.lower() if _LABEL.fullmatch(head) else ""
        classes = list(code.get("class") or [])
        if not label:
            label = next((c.removeprefix("language-") for c in classes if c.startswith("language-")), "")
    ticks = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (ticks + 1)
    return f"{fence}{label}\n{text}{'' if text.endswith(chr(10)) else chr(10)}{fence}"


class _Converter(MarkdownConverter):
    """markdownify with code set aside, KaTeX as its TeX, and list numbers as they were."""

    class Options(MarkdownConverter.DefaultOptions):  # type: ignore[name-defined, misc]
        heading_style = "ATX"
        bullets = "-"
        escape_asterisks = False
        escape_underscores = False
        escape_misc = False

    def __init__(self, codes: list[str], **options: Any) -> None:
        super().__init__(**options)
        self._codes = codes

    def convert_pre(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return f"\n\n\0{text.strip()}\0\n\n"

    def convert_span(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        classes = list(el.get("class") or [])
        if "katex-display" in classes or "katex" in classes:
            tex = el.find("annotation")
            if tex:
                source = tex.get_text().strip()
                display = "katex-display" in classes
                inside = el.find_parent("span", class_="katex-display") is not None
                return f"\n\n$${source}$$\n\n" if display else source if inside else f"${source}$"
        return text
