"""Pages that were made to harm: nothing raises; time and text grow with the page and no faster."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from open_instructions.building.run import BuildResult
from open_instructions.limits import Room, TooLarge
from open_instructions.schema import Conversation, Message, Reason, Reject
from open_instructions.stages.html import Html, looks_like_html, to_markdown

from .conftest import rows

MODULES = (
    "html.tags",
    "html.code_blocks",
    "html.dom",
    "html.inline",
    "html.tables",
    "html.markdown",
    "html",
)


# --- nothing raises


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<p>a&#" + "9" * 5000 + ";b</p>", "a\ufffdb"),
        ("<p>a&#" + "0" * 5000 + "65;b</p>", "aAb"),
        ("<p>a&#" + "0" * 5000 + ";b</p>", "a\ufffdb"),
        ("<p>a&#x" + "f" * 5000 + ";b</p>", "a\ufffdb"),
        ("<p>&#55296; &#xDFFF; &#1114112; &#0;</p>", "\ufffd \ufffd \ufffd \ufffd"),
        ("<p>&#12345678</p>", "\ufffd"),
        ("<p>&#00000065x &#; &#x;</p>", "Ax &#; \\&#x;"),
        (f"<p><a href='&#{'9' * 5000};'>a</a></p>", "[a](\ufffd)"),
        (f"<pre><code>&#{'9' * 5000};</code></pre>", "```\n\ufffd\n```"),
        (f"<p><span class=katex><annotation>&#{'9' * 5000};</annotation></span></p>", "$\ufffd$"),
        (f"<ol start='{'9' * 5000}'><li value='{'9' * 5000}'>a</li></ol>", "1. a"),
        (
            f"<table><tr><td colspan='{'9' * 5000}' rowspan='{'9' * 5000}'>a</table>",
            "|  |\n| --- |\n| a |",
        ),
        # a line break is one however it is written, or it would begin a heading here
        ("<p>a&#13;# b</p>", "a\n\\# b"),
        ("<blockquote><pre>a&#13;&#10;b</pre></blockquote>", "> ```\n> a\n> b\n> ```"),
    ],
)
def test_numbers_without_end_are_characters_or_none(html: str, markdown: str) -> None:
    assert to_markdown(html) == markdown


PIECES = (
    "<p>",
    "</p>",
    "<b>",
    "</b>",
    "<i>",
    "</i>",
    "<ul>",
    "<ol start=9>",
    "<li>",
    "</ul>",
    "<pre>",
    "</pre>",
    "<code>",
    "</code>",
    "<table>",
    "<tr>",
    "<td rowspan=3>",
    "<th colspan=2>",
    "</table>",
    "<blockquote>",
    "</blockquote>",
    "<hr>",
    "<br>",
    "<h2>",
    "</h2>",
    "<a href='u' title='t'>",
    "</a>",
    "<span class=katex>",
    "<annotation>",
    "</annotation>",
    "</span>",
    "<button>",
    "</button>",
    "<!--",
    "-->",
    "<!-- language: lang-c -->",
    "<",
    ">",
    "&#99999999999;",
    "&",
    "'",
    '"',
    "[",
    "]",
    "`",
    "*",
    "\\",
    "\ud800",
    "\0",
    "\x1f",
    "\r",
    "\n",
    " ",
    "|",
    "---",
    "#",
    "x",
)


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_no_page_raises(page: str) -> None:
    looks_like_html(page)
    assert isinstance(to_markdown(page), str)


@pytest.mark.parametrize(
    "tag",
    ["div", "blockquote", "ul><li", "table><tr><td", "b", "i", "a href=u", "h2", "sup", "s><b"],
)
def test_no_depth_raises(tag: str) -> None:
    assert to_markdown(f"<{tag}>" * 1000 + "x").count("x") == 1


# --- time


def _quantifiers(tree: Any, found: list[bool]) -> None:
    """Whether quantifiers that can give back what they took repeat others of the kind."""

    def walk(node: Any, inside: bool) -> None:
        for op, value in node:
            if op in (codes.MAX_REPEAT, codes.MIN_REPEAT):
                many = value[1] is codes.MAXREPEAT or value[1] > 9
                if many and inside:
                    found.append(True)
                walk(value[2], inside or many)
            elif op is codes.POSSESSIVE_REPEAT:
                walk(value[2], False)
            elif op is codes.SUBPATTERN:
                walk(value[3], inside)
            elif op is codes.BRANCH:
                for branch in value[1]:
                    walk(branch, inside)
            elif op in (codes.ASSERT, codes.ASSERT_NOT):
                walk(value[1], False)

    walk(tree, False)


def test_no_pattern_repeats_what_repeats() -> None:
    patterns = {
        f"{module}.{name}": value.pattern
        for module in MODULES
        for name, value in vars(import_module(f"open_instructions.stages.{module}")).items()
        if isinstance(value, re.Pattern)
    }
    assert len(patterns) > 20
    for name, pattern in patterns.items():
        found: list[bool] = []
        flags = re.X if name == "html.inline._ESCAPES" else 0
        _quantifiers(parser.parse(pattern, flags), found)
        assert not found, name


def _times(unit: str, before: str = "<p>", behind: str = "") -> Callable[[int], str]:
    return lambda size: before + unit * (size // len(unit)) + behind


PAGES = {
    "a tag without an end": _times("a", "<p><"),
    "a tag's quotes": _times('a "b" ', "<p><a "),
    "tags without an end": _times("<a "),
    "quotes without an end": _times('<a \'"" '),
    "breaks without an end, in code": _times("<br", "<pre>", "</pre>"),
    "buttons without an end": _times("<button "),
    "buttons in a header": _times("<button>x</button>", "<pre><div>", "<code>x</code></pre>"),
    "buttons in a header, without an end": _times("<button ", "<pre><div>", "<code>x</code></pre>"),
    "chrome without its end": _times("<button>"),
    "formulas without an end": _times("<span class=katex><annotation>x</annotation>"),
    "annotations without an end": _times("<span class=katex><annotation>"),
    "spans before one annotation": _times(
        "<span class=katex>", behind="<annotation>x</annotation>"
    ),
    "comments": _times("<!-- -->", ""),
    "comments before no block": _times("<!-- a --> \n", "", "x"),
    "languages": _times("<!-- language: lang-c --> <pre></pre>"),
    "blanks before no break": _times("<b> </b>", "<p>a<br>b", "c"),
    "blanks and breaks": _times("<b> </b><br>", "<p>a", "b"),
    "ticks in a link": _times("`", "<p><a href=u>[", "</a>"),
    "runs of ticks in a link": _times("<code>`</code>``` ", "<p><a href=u>[", "</a>"),
    "brackets in a link": _times("[", "<p><a href=u>", "</a>"),
    "links in links": _times("<a href=u>["),
    "bold beside a long text": _times("<b>a</b><span>b"),
    "definitions": _times("[a]:\n"),
    "lines across": _times("- ", "<p>", "x"),
    "rows of spans": _times("<tr><td rowspan=65000 colspan=1000>x", "<table>"),
    "wide rows": _times("<td rowspan=9>x", "<table><tr>", "<tr><td>y" * 9),
    "items in items": _times("<li>x", "<ul><li>" * 40),
    "entities": _times("&#", "<p>"),
    "long entities": _times("9", "<p>&#", ";"),
}


def _seconds(page: str) -> float:
    started = time.process_time()
    looks_like_html(page)
    with suppress(TooLarge):
        to_markdown(page)
    return time.process_time() - started


@pytest.mark.parametrize("make", PAGES.values(), ids=PAGES)
def test_twice_the_page_takes_twice_the_time(make: Callable[[int], str]) -> None:
    """What grows with the square takes 16 times as long for 4 times the page: minutes, for
    these."""
    least, most = make(50_000), make(200_000)
    seconds = _seconds(least)
    assert seconds < 4
    assert min(_seconds(most) for _ in range(2)) < 10 * max(seconds, 0.05)


# --- how much comes out


@pytest.mark.parametrize(
    "page",
    [
        "<ol><li>" * 50 + "<br>x" * 20_000,
        "<blockquote>" * 90 + "<br>x" * 20_000,
        "<ul><li>" * 45 + "<pre>" + "x\n" * 40_000 + "</pre>",
        "<ul><li>" * 45 + "<li>x" * 20_000,
        "<table><tr>" + "<td rowspan=65000>x" * 1000 + "<tr><td>y" * 1000,
        "<table><tr>" + "<td>x" * 1000 + "<tr><td colspan=999>x<td>y" * 4000,
        "<table>" + "<tr><td rowspan=9999 colspan=1000>x" * 4000,
    ],
    ids=["lists", "quotes", "code", "items", "rows", "store.columns", "spans"],
)
def test_a_page_that_would_grow_without_end_is_refused_whole(page: str) -> None:
    with pytest.raises(TooLarge):
        to_markdown(page)
    talk = Conversation(
        "x/0",
        "x",
        "y",
        (
            Message("user", "a"),
            Message("assistant", "b"),
            Message("user", "c"),
            Message("assistant", "<div>" + page, html=True),
        ),
    )
    [refused] = Html()(talk)
    assert isinstance(refused, Reject)
    assert (refused.reason, refused.level) == (Reason.TOO_LARGE, "record")
    assert refused.detail.startswith(f"{len(page) + 5:,} characters of HTML")


def test_the_limit_is_a_megabyte_or_ten_times_the_page() -> None:
    Room(10).take(1 << 20)
    Room(200_000).take(2_000_000)
    with pytest.raises(TooLarge):
        Room(10).take((1 << 20) + 1)
    with pytest.raises(TooLarge):
        Room(200_000).take(2_000_001)


def test_what_somebody_wrote_is_not_refused() -> None:
    code = "<pre><code>" + "    return x\n" * 20_000 + "</code></pre>"
    page = "<ul><li>a<ul><li>b<ul><li>c" + code + "</li></ul></li></ul></li></ul>"
    assert to_markdown(page).count("\n          return x") == 20_000
    full = "<table>" + "<tr><td colspan=1000>x<tr><td>a<td>b" * 10_000 + "</table>"
    assert to_markdown(full).startswith("|  |  |\n| --- | --- |\n| x |  |\n| a | b |\n| x |  |\n")


def test_a_build_goes_on_behind_such_records(make: Callable[..., BuildResult]) -> None:
    pages = {
        "huge": "<div>" + "<ol><li>" * 50 + "<br>x" * 20_000,
        "number": "<div><p>a&#" + "9" * 5000 + ";</p></div>",
        "plain": "<div><p>b</p></div>",
    }
    records = [
        {
            "id": id,
            "conversations": [
                {"from": "human", "value": f"q {id}"},
                {"from": "gpt", "value": page},
            ],
        }
        for id, page in pages.items()
    ]
    result = make({"sg_90k_part1.json": records}, "sharegpt", max_tokens=0)
    assert [(row["id"], row["messages"][1]["content"]) for row in rows(result)] == [
        ("sharegpt/number", "a\ufffd"),
        ("sharegpt/plain", "b"),
    ]
    [refused] = rows(result, "rejected")
    assert (refused["level"], refused["stage"], refused["reason"]) == (
        "record",
        "html",
        "too_large",
    )
    assert json.loads(refused["raw"]) == records[0]
