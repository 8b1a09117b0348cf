"""Turns HTML messages into Markdown with BeautifulSoup and markdownify, as FastChat does.

A recipe selects it with `html: markdownify`. As in the native stage, a message is converted only if
a converter marked it and its text confirms that; other text stays as it is.
docs/development/html.md compares the two.

markdownify recurses for each level of nesting, and is quadratic in the items of a list and in runs
of blanks. So the cost of a page is estimated before it is converted, and a page that would cost too
much is rejected.
"""

from __future__ import annotations

import re
import warnings
from functools import cache
from importlib.metadata import version
from platform import python_version
from typing import Any

from ...schema import Conversation, Message, Reason, Reject
from ..structure import replace_content
from . import EDIT, looks_like_html

_LARGEST = 1 << 20
"""The most characters of a page."""
_DEEPEST = 100
"""The most levels of nesting: Python's stack holds about 300 of markdownify's."""
_MOST_STEPS = 20_000_000
"""The most steps that a page may cost, see `_steps`: a few seconds."""
_COUNTED = ("li", "button")
_DIGITS = 9
"""The most digits of a list's number in Markdown."""
_MOST_ODD = 100
"""The most tags that Python's parser may see as unfinished: it reads the rest of the page for each
of them."""
_LAYOUT = re.compile(r"<(?:div|span)(?=[\s/>])[^>]*+(?:>|\Z)", re.I)
_BLANKS = re.compile(r"[ \t\r\n]{2,}")


class ClassicHtml:
    """The stage, with the libraries in place of the native converter."""

    name = "html"

    def __call__(self, conversation: Conversation) -> list[Conversation | Reject]:
        messages: list[Message] = []
        for message in conversation.messages:
            if not (message.html and looks_like_html(message.content)):
                messages.append(message)
                continue
            made = to_markdown(message.content)
            if isinstance(made, Reject):
                return [made]
            messages.append(message.edited(made))
        if messages == list(conversation.messages):
            return [conversation]
        return replace_content(conversation, messages, [EDIT])


@cache
def converter() -> str:
    """Names and versions of the libraries, for the manifest. The parser is Python's own."""
    named = [f"{name} {version(name)}" for name in ("markdownify", "beautifulsoup4")]
    return ", ".join([*named, f"Python {python_version()}"])


def to_markdown(html: str) -> str | Reject:
    """Markdown for the HTML of one message, or a Reject.

    >>> to_markdown("<div><p>Use <code>a_b</code>:</p><pre><code>x &lt; 1;\\n</code></pre></div>")
    'Use `a_b`:\\n\\n```\\nx < 1;\\n```'
    """
    end = html.rfind(">") + 1
    odd = html.count("<!") + html.count("<?") + html.count("<", end)
    if len(html) > _LARGEST or odd > _MOST_ODD:
        detail = f"{len(html):,} characters of HTML, {odd:,} unfinished tags"
        return Reject(Reason.TOO_LARGE, detail)
    # as FastChat does: inside code, these would become paragraphs and emphasis
    soup = _soup(_LAYOUT.sub("", html[:end]) + html[end:])
    if isinstance(soup, Reject):
        return soup
    try:
        return _refused(soup) or _markdown(soup)
    finally:
        # its elements refer to each other, and a build runs without Python's cycle collector
        soup.clear(decompose=True)
        soup.decompose()


def _soup(html: str) -> Any:
    from bs4 import BeautifulSoup, MarkupResemblesLocatorWarning, XMLParsedAsHTMLWarning
    from bs4.exceptions import ParserRejectedMarkup

    with warnings.catch_warnings():
        for category in (MarkupResemblesLocatorWarning, XMLParsedAsHTMLWarning):
            warnings.simplefilter("ignore", category)
        try:
            return BeautifulSoup(html, "html.parser")
        except ParserRejectedMarkup as error:
            return Reject(Reason.INVALID_HTML, str(error)[:300])


@cache
def _converter() -> Any:
    from markdownify import MarkdownConverter

    return MarkdownConverter(code_language_callback=_code_language, strip_pre=None)


def _markdown(soup: Any) -> str | Reject:
    for button in soup.find_all("button"):
        _take_button(button)
    for pre in soup.find_all("pre"):
        _fit_into_fence(pre)
    try:
        made = _converter().convert_soup(soup)
    except ValueError as error:  # an invalid number, such as <ol start="²">
        return Reject(Reason.INVALID_HTML, str(error)[:300])
    return str(made).strip()


def _take_button(button: Any) -> None:
    """Take the language and the button out of a code block: the page writes both inside it, above
    the code."""
    pre = button.find_parent("pre")
    if pre is None:
        return
    label = button.previous_sibling
    if isinstance(label, str) and not pre.has_attr("label"):
        pre["label"] = label.strip()
        button.previous_sibling.extract()
    button.decompose()


def _fit_into_fence(pre: Any) -> None:
    """Remove the line breaks that HTML has around code; markdownify would remove all or none."""
    first = pre.contents[0] if pre.contents else None
    if isinstance(first, str) and first.startswith("\n"):
        pre.contents[0].replace_with(first[1:])
    texts = pre.find_all(string=True)
    if texts and texts[-1].endswith("\n"):
        texts[-1].replace_with(texts[-1][:-1])


def _code_language(pre: Any) -> str:
    label: str = pre.get("label", "")
    if label and len(label.split()) == 1 and "`" not in label:
        return label
    return ""


def _refused(soup: Any) -> Reject | None:
    """A Reject if the page cannot be converted, else None."""
    levels = _levels(soup)
    if len(levels) > _DEEPEST:
        return Reject(Reason.TOO_DEEP, f"HTML nested {len(levels):,} levels deep, over {_DEEPEST}")
    if (steps := _steps(levels)) > _MOST_STEPS:
        return Reject(Reason.TOO_LARGE, f"HTML that takes about {steps:,} steps to convert")
    for numbered in soup.find_all("ol", start=True):
        if len(numbered["start"]) > _DIGITS:
            detail = f"a list that begins at a number of {len(numbered['start']):,} digits"
            return Reject(Reason.INVALID_HTML, detail)
    return None


def _levels(soup: Any) -> list[list[Any]]:
    """The elements of a page by depth."""
    levels = []
    level = [soup]
    while level:
        levels.append(level)
        below = [child for parent in level for child in parent.contents]
        level = [child for child in below if not isinstance(child, str)]
    return levels


def _steps(levels: list[list[Any]]) -> int:
    """About how many steps it takes to convert a page. A list item costs the number of items before
    it, text costs its length on each level, a run of blanks costs the square of its length, and
    some rows cost the size of their table."""
    steps = 0
    sizes: dict[int, int] = {}  # how many elements and texts each element holds, itself included
    for depth, level in reversed(list(enumerate(levels))):
        for element in level:
            sizes[id(element)] = 1 + sum([sizes.get(id(child), 1) for child in element.contents])
            for index, child in enumerate(element.contents):
                if isinstance(child, str):
                    blanks = sum([len(run) ** 2 for run in _BLANKS.findall(child)])
                    steps += (depth + 1) * len(child) + blanks
                else:
                    steps += depth + 1 + _columns(child) + (index if child.name in _COUNTED else 0)
            # each row of a head searches the head; the first row of a body searches the table
            heads = [child for child in element.contents if child.name == "thead"]
            steps += sum([len(head.contents) * sizes[id(head)] for head in heads])
            steps += sizes[id(element)] * sum([child.name == "tbody" for child in element.contents])
    return steps


def _columns(cell: Any) -> int:
    """The cost of a cell that spans columns: it is written once for each of them, in three
    places."""
    wide = cell.attrs.get("colspan", "") if cell.name in ("td", "th") else ""
    if wide.isascii() and wide.isdigit():
        return 10 * min(int(wide[:9]), 1000)
    return 0
