"""Markdown says what the page shows: breaks, rules, blocks, cells that span, languages of code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from open_instructions.catalogue import registry
from open_instructions.schema import Conversation, Message
from open_instructions.stages.html import Html, looks_like_html, to_markdown

CASES = Path(__file__).resolve().parents[2] / "shared" / "cases"


# --- breaks


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<ul><li>a<br>b</li></ul>", "- a  \n  b"),
        ("<ol><li>a<br>b<br>c</li></ol>", "1. a  \n   b  \n   c"),
        ("<blockquote>a<br>b</blockquote>", "> a  \n> b"),
        (
            "<blockquote><ul><li>a<br>b<ul><li>c<br>d</li></ul></li></ul></blockquote>",
            "> - a  \n>   b\n>   - c  \n>     d",
        ),
        ("<blockquote><blockquote>a<br>b</blockquote></blockquote>", "> > a  \n> > b"),
        ("<ul><li><p>a<br>b</p><p>c</p></li></ul>", "- a  \n  b\n\n  c"),
        ("<h2>a<br>b<br></h2>", "## a<br>b"),
        (
            "<table><tr><th>a<br>b</th></tr><tr><td><ul><li>x<br>y</li></ul></td></tr></table>",
            "| a<br>b |\n| --- |\n| - x<br> y |",
        ),
        ("<p><code>a<br>b</code></p>", "`a b`"),
        ("<h2><div>a</div><div>b</div></h2>", "## a b"),
        ("<p><b>a<br></b>b</p>", "**a**  \nb"),
        # code keeps its trailing blanks in a quote too
        ("<blockquote><pre>x  \ny</pre></blockquote>", "> ```\n> x  \n> y\n> ```"),
        ("<PRE>a<BR>b</PRE>", "```\na\nb\n```"),
        # two blanks that stand in two elements are no break
        ("<p>a <i> </i>\nb</p>", "a\nb"),
        ("<p>a\x1fb<br>c</p>", "a\x1fb  \nc"),
    ],
)
def test_a_break_stays_a_break_wherever_it_stands(html: str, markdown: str) -> None:
    assert to_markdown(html) == markdown


# --- blocks that would be read as part of the block above them


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<ul><li>text<hr>after</li></ul>", "- text\n  ***\n  after"),
        ("<ol><li>text<hr></li></ol>", "1. text\n   ***"),
        ("<ul><li><div>text<div><hr></div></div></li></ul>", "- text\n  ***"),
        ("<ul><li>a</li></ul><ul><li><hr></li></ul>", "- a\n\n* ___"),
        ("<ul><li>text<br>---</li></ul>", "- text  \n  \\---"),
        ("<ul><li>text\n===</li></ul>", "- text\n  \\==="),
        ("<p>text\n<span> ---</span></p>", "text\n\\---"),
        ("<p>text\n<span>\nmore</span></p>", "text\nmore"),
        ("<ul><li>text<ul><li></li></ul></li></ul>", "- text\n\n  -"),
        ("<ul><li>text<ol start='3'><li>c</li></ol></li></ul>", "- text\n\n  3. c"),
        ("<ul><li>a<div>b</div></li></ul>", "- a\n\n  b"),
        ("<ul><li>a<ul><li>b</li></ul>c</li></ul>", "- a\n  - b\n\n  c"),
        ("<ul><li>a<blockquote>b</blockquote>c</li></ul>", "- a\n  > b\n\n  c"),
        (
            "<ul><li><blockquote>a</blockquote><blockquote>b</blockquote></li></ul>",
            "- > a\n\n  > b",
        ),
        (
            "<ul><li><table><tr><th>a</th></tr></table>b</li></ul>",
            "- | a |\n  | --- |\n\n  b",
        ),
        ("<ul><li><ul><li><ul><li></li></ul></li></ul></li></ul>", "-\n  - -"),
        # where nothing is taken in, nothing comes between
        (
            "<ul><li>a<pre>x</pre>b<h3>c</h3>d<ul><li>e</li></ul></li></ul>",
            "- a\n  ```\n  x\n  ```\n  b\n  ### c\n  d\n  - e",
        ),
        ("<p>a <a href='u' title='x\n\ny'>b</a></p>", 'a [b](u "x  y")'),
        ("<a href='u'>a <a href='v'>b</a></a>", "[a](u) [b](v)"),
    ],
)
def test_each_block_stays_what_it_is(html: str, markdown: str) -> None:
    assert to_markdown(html) == markdown


# --- tables


@pytest.mark.parametrize(
    ("rows", "markdown"),
    [
        (
            (
                "<thead><tr><th>A</th><th>B</th></tr></thead><tbody><tr><td"
                " rowspan='2'>r</td><td>1</td></tr><tr><td>2</td></tr></tbody>"
            ),
            "| A | B |\n| --- | --- |\n| r | 1 |\n|  | 2 |",
        ),
        (
            "<tr><th colspan='2'>A</th><th>C</th></tr><tr><td>1</td><td>2</td><td>3</td></tr>",
            "| A |  | C |\n| --- | --- | --- |\n| 1 | 2 | 3 |",
        ),
        (  # both at once
            "<tr><th>A<th>B<th>C<tr><td rowspan=2 colspan=2>x<td>1<tr><td>2<tr><td>3<td>4<td>5",
            "| A | B | C |\n| --- | --- | --- |\n| x |  | 1 |\n|  |  | 2 |\n| 3 | 4 | 5 |",
        ),
        (  # no cell reaches beyond its group of rows
            (
                "<thead><tr><th "
                "rowspan='9'>A</th><th>B</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody>"
            ),
            "| A | B |\n| --- | --- |\n| 1 | 2 |",
        ),
        (  # 0: as far as the group goes
            "<tr><th>A<th>B<tbody><tr><td rowspan=0>x<td>1<tr><td>2<tr><td>3<tbody><tr><td>4<td>5",
            "| A | B |\n| --- | --- |\n| x | 1 |\n|  | 2 |\n|  | 3 |\n| 4 | 5 |",
        ),
        (  # columns in which no cell begins are none
            "<tr><th>A<th>B<tr><td colspan=100000>all<tr><td>1<td>2",
            "| A | B |\n| --- | --- |\n| all |  |\n| 1 | 2 |",
        ),
        (
            "<tr><th RowSpan='99999999999999999999'>A<th>B<tr><td>1<tr><td>2",
            "| A | B |\n| --- | --- |\n|  | 1 |\n|  | 2 |",
        ),
        (
            "<tr><th rowspan='two' colspan='-1'>A<th colspan=''>B<tr><td>1<td>2",
            "| A | B |\n| --- | --- |\n| 1 | 2 |",
        ),
    ],
)
def test_each_cell_stands_in_its_column(rows: str, markdown: str) -> None:
    assert to_markdown(f"<table>{rows}</table>") == markdown


# --- languages of code


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        (
            '<pre class="lang-py prettyprint-override"><code>a\n</code></pre>',
            "```py\na\n```",
        ),
        ("<pre class='LANG-C#'><code>a</code></pre>", "```c#\na\n```"),
        ("<pre class=lang-c++><code>a</code></pre>", "```c++\na\n```"),
        ("<pre class='snippet-code-css'><code>a</code></pre>", "```css\na\n```"),
        ("<pre class='slang-py no-lang-js'><code>a</code></pre>", "```\na\n```"),
        ("<!-- language: lang-js -->\n\n<pre><code>a</code></pre>", "```js\na\n```"),
        ("<!--Language:LANG-JS--><pre>a</pre>", "```js\na\n```"),
        ("<!-- language: c++ -->\n<pre>a</pre>\n<pre>b</pre>", "```c++\na\n```\n\n```\nb\n```"),
        (
            (
                "<!-- language-all: lang-py --><p>t</p><pre>a</pre><!-- language: lang-js -->"
                " <pre>b</pre><pre>c</pre>"
            ),
            "t\n\n```py\na\n```\n\n```js\nb\n```\n\n```py\nc\n```",
        ),
        # a comment speaks of the block right behind it
        ("<!-- language: lang-js --><p>t</p><pre>a</pre>", "t\n\n```\na\n```"),
        (
            (
                "<!-- begin snippet: js hide: false console: true -->\n\n<!-- language: lang-html"
                " -->\n\n<pre><code>a</code></pre>\n\n<pre><code>b</code></pre>\n\n<!-- end snippet"
                " -->\n\n<pre>c</pre>"
            ),
            "```html\na\n```\n\n```js\nb\n```\n\n```\nc\n```",
        ),
        # what the editor writes where nobody named one
        (
            (
                "<!-- language-all: lang-py --><!-- language: lang-none --><pre>a</pre><pre"
                " class=lang-default>b</pre>"
            ),
            "```\na\n```\n\n```\nb\n```",
        ),
        ("<!-- language: lang-or-tag-here -->\n<pre>a</pre>", "```\na\n```"),
        ("<!-- a language: lang-js --><pre>a</pre>", "```\na\n```"),
    ],
)
def test_the_language_that_a_page_names_is_on_the_fence(html: str, markdown: str) -> None:
    assert to_markdown(html) == markdown


# --- what is HTML


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("<p>a", True),
        (" \n<!-- a -->\n<!-- b --> <P>a", True),
        ("\ufeff<!-- a -->\n<p>a", True),
        ("<!-- a --><!DOCTYPE html>\n<html><body><p>a", True),
        ("<!DOCTYPE html><p>a", True),
        ("<!--><p>a", True),
        ("<!-- a", False),
        ("<!-- <p> -->", False),
        ("<!-- a --> a <p>b", False),
        ("<!-- a --><?php ?><p>", False),
        ("Use <p>.", False),
        ("", False),
    ],
)
def test_comments_may_stand_before_the_first_block(text: str, html: bool) -> None:
    assert looks_like_html(text) is html


def test_no_mark_of_the_file_and_no_comment_reaches_the_text() -> None:
    assert to_markdown("\ufeff<!-- a -->\n<p>b<!-->c<!--->d<!-- e --!>f") == "bcdf"


def test_an_element_without_an_end_keeps_its_text() -> None:
    assert to_markdown("<p>a <button>b c</p><p>d") == "a b c\n\nd"
    assert to_markdown("<p>a <svg><path></p><p>d") == "a\n\nd"


def test_a_body_that_begins_with_a_comment_becomes_markdown() -> None:
    convert = registry().get("gpt4all").converter(registry().get("gpt4all").subset("main"))
    body = (
        "<!-- language-all: lang-js -->\n\n<p>Is <code>a &lt;"
        " b</code>?</p>\n\n<pre><code>a\n</code></pre>\n"
    )
    record = {"prompt": body, "response": "Yes.", "source": "pacovaldez/stackoverflow-questions"}
    [draft] = convert(record)
    talk = Conversation("x/0", "gpt4all", "main", tuple(draft.messages))
    [result] = Html()(talk)
    assert isinstance(result, Conversation)
    assert result.messages == (
        Message("user", "Is `a < b`?\n\n```js\na\n```", False, body),
        Message("assistant", "Yes."),
    )


@pytest.mark.skipif(not CASES.is_dir(), reason="../shared is not there")
def test_cases_from_the_field() -> None:
    rows: list[Any] = json.loads((CASES / "html-small" / "sg_90k_part1.json").read_text())
    assert [to_markdown(row["conversations"][1]["value"]) for row in rows] == [
        "- text\n  ***\n  after",
        "| A | B |\n| --- | --- |\n| r | 1 |\n|  | 2 |",
    ]
    lines = (CASES / "gpt4all-html" / "data.jsonl").read_text().splitlines()
    prompts = [json.loads(line)["prompt"] for line in lines]
    assert all(looks_like_html(prompt) for prompt in prompts)
    assert [to_markdown(prompt) for prompt in prompts] == [
        "Why is `a < b` true?",
        "```js\nvar x = 1;\n```\n\nWhy?",
        "This fails:\n\n```py\nprint(1)\n```",
        "This fails:\n\n```py\nprint(2)\n```",
    ]
