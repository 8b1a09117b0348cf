from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from open_instructions.corpus.duplicates import key
from open_instructions.schema import Conversation, Message, Reject
from open_instructions.stages.html import Html, to_markdown
from open_instructions.stages.split import Split
from open_instructions.stages.structure import structure
from open_instructions.tokens import tokenizer


def talk(*texts: str, system: str = "") -> Conversation:
    head = (Message("system", system),) if system else ()
    body = tuple(Message("user" if i % 2 == 0 else "assistant", t) for i, t in enumerate(texts))
    return Conversation("x/0", "x", "y", head + body, "x/0")


# --- structure


def test_half_a_surrogate_pair_becomes_one_replacement_character() -> None:
    kept, rejects, edits, *_ = structure(
        [Message("user", "a\ud83d b"), Message("assistant", "ok \U0001f600")]
    )
    assert [m.content for m in kept] == ["a\ufffd b", "ok \U0001f600"]
    assert (rejects, edits) == ([], ("lone_surrogate",))


# --- html


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<p>a <strong>b</strong> <em>c</em></p><p>d</p>", "a **b** *c*\n\nd"),
        ("<h2>T</h2><ul><li>a<ul><li>b</li></ul></li></ul>", "## T\n\n- a\n  - b"),
        ('<ol start="3"><li>c</li><li>d</li></ol>', "3. c\n4. d"),
        (
            '<p><a href="https://x.org/a_b">a_b</a> <img src="i.png" alt="pic"></p>',
            "[a_b](https://x.org/a_b) ![pic](i.png)",
        ),
        ("<p>2 * 3 and a_b and vector&lt;int&gt;</p>", "2 * 3 and a_b and vector<int>"),
        (
            "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody></table>",
            "| a | b |\n| --- | --- |\n| 1 | 2 |",
        ),
        ("<pre><code>plain\n\n  x &lt; y\n</code></pre>", "```\nplain\n\n  x < y\n```"),
        (
            (
                '<pre><code class="hljs language-c"><span class="k">int</span>'
                " x;\n\n\n\ny</code></pre>"
            ),
            "```c\nint x;\n\n\n\ny\n```",
        ),
        ("<pre><code>a ``` b\n</code></pre>", "````\na ``` b\n````"),
        (
            "<ul><li><p>x</p><pre><code>a\n\n  b\n</code></pre></li></ul>",
            "- x\n\n  ```\n  a\n\n    b\n  ```",
        ),
        ("<p>null\x00byte</p>", "null\ufffdbyte"),
        ("<pre><code>a</code>\n<code>b</code></pre>", "```\na\nb\n```"),
        ("<pre>foo <code>bar</code> baz</pre>", "```\nfoo bar baz\n```"),
        ("<pre>a<br>b</pre>", "```\na\nb\n```"),
        ("<p>x<sup>2</sup> <code>a  b</code> <code>`</code></p>", "x<sup>2</sup> `a  b` `` ` ``"),
        ('<ol><li>a</li><li value="7">b</li></ol>', "1. a\n7. b"),
        ('<ol start="²"><li>a</li></ol>', "1. a"),
        ("<p>a<![foo]>b</p>", "ab"),
        ("<ul><li><p>a</p></li><li><p>b</p></li></ul>", "- a\n\n- b"),
        ("<ul><li>a</li></ul><ul><li>b</li></ul>", "- a\n\n* b"),
        (
            "<p>1. not a list</p><p># nor a heading</p><p>- nor this</p>",
            "1\\. not a list\n\n\\# nor a heading\n\n\\- nor this",
        ),
        ("<p>a * b, *c*, _d_, e_f, `g`, \\*</p>", "a * b, \\*c\\*, \\_d\\_, e_f, \\`g\\`, \\\\\\*"),
        ("<p>a<br>\nb</p>", "a  \nb"),
        ("<p>a <del>b</del> <b> c </b>d</p>", "a ~~b~~  **c** d"),
        (
            "<table><tr><td style='text-align:right'>a|b</td></tr></table>",
            "|  |\n| ---: |\n| a\\|b |",
        ),
        (
            "<blockquote><p>a</p><pre><code>b\n</code></pre></blockquote>",
            "> a\n>\n> ```\n> b\n> ```",
        ),
        ("<p>lost <strong>end", "lost **end**"),
        ("a </b> b", "a  b"),
        ("<ul>stray<li>y</li></ul>", "- stray\n- y"),
        (
            "<table><caption>Cap</caption><tr><th>a</th></tr><tr><td>b</td></tr></table>",
            "Cap\n\n| a |\n| --- |\n| b |",
        ),
        ("<h1>C##</h1>", "# C\\##"),
        ("<p>[a](b), [c]</p>", "[a\\](b), [c]"),
        # where CommonMark has no marks for it in this place, HTML's own tags stay
        ("<p><strong>你好：</strong>世界</p>", "<strong>你好：</strong>世界"),
        ("<p><strong>Note:</strong> a</p>", "**Note:** a"),
        ("<p><strong>a</strong><strong>b</strong><em>c</em></p>", "**a**<strong>b</strong>*c*"),
        ("<p><em>a <em>b</em></em></p>", "<em>a *b*</em>"),
        ("<p><strong><em>x</em></strong> <em><strong>y</strong></em></p>", "**_x_** ***y***"),
        ("<p><code>a</code><code>b &lt; c</code></p>", "`a`<code>b &lt; c</code>"),
        ('<p>wow!<a href="u">a</a></p>', "wow\\![a](u)"),
        ("<p>a <strong>*</strong> b</p>", "a **\\*** b"),
        ("<p><strong><em>Note: </em></strong>mind</p>", "**_Note:_** mind"),
        ("<p><del>~5</del> 4</p>", "~~\\~5~~ 4"),
        ("<p><b><b>x</b> y</b></p>", "**x y**"),
        ("<p><strong>C:\\ </strong>is</p>", "**C:\\\\** is"),
        ("<p><a href='u'>]:=</a></p>", "[\\]:=](u)"),
        ("<p>x<a href='u'><code>]</code></a></p>", "x[`]`](u)"),
        ("<p><a href='u&amp;copy;v'>x</a></p>", "[x](u&amp;copy;v)"),
        ("<ul><li><hr></li><pre><code>ls</code></pre></ul>", "- ***\n- ```\n  ls\n  ```"),
        ("<h3>Run <pre><code>ls</code></pre></h3>", "### Run `ls`"),
        ("<table><td>a</td><td>b</td></table>", "|  |  |\n| --- | --- |\n| a | b |"),
        ("<p>See <math><mi>x</mi><mo>=</mo><mn>1</mn></math>.</p>", "See x=1."),
        (
            (
                '<p>a<span class="katex-display"><span'
                ' class="katex"><annotation>x</annotation>y</span></p>'
            ),
            "a\n\n$$x$$\n\ny",
        ),
        (
            '<p><a href="u">a] b</a> <a href="u">[x]</a> <img src="i" alt="a]b"></p>',
            "[a\\] b](u) [[x]](u) ![a\\]b](i)",
        ),
        ("<p>a | b\n--- | ---</p>", "a | b\n\\--- | ---"),
        ("<p>&lt;a@b.cc&gt;</p>", "\\<a@b.cc>"),
        ("<pre>\nfoo</pre>", "```\nfoo\n```"),
        (
            "<table><tr><th>a</th></tr><tr><td>t<ul><li>p</li><li>q</li></ul><pre><code>x\ny|z</code></pre></td></tr></table>",
            "| a |\n| --- |\n| t<br>- p<br>- q<br>`x`<br>`y\\|z` |",
        ),
    ],
)
def test_html_becomes_the_markdown_it_was(html: str, markdown: str) -> None:
    assert to_markdown(html) == markdown


@pytest.mark.parametrize(
    "page",
    [
        "<p>" + '<span class="katex"><annotation>' * 4000,
        "<p><b>x" + "\xa0" * 100_000 + "x</b>",
        "<p><b>x" + "<br>" * 50_000 + "x</b>",
        "<table><tr>" + "<td>x" * 4000 + "<tr><td>x" * 4000,
    ],
    ids=["formulas", "spaces", "breaks", "cells"],
)
def test_hostile_pages_cost_no_more_than_their_length(page: str) -> None:
    started = time.process_time()
    assert len(to_markdown(page)) < 4 * len(page)
    assert time.process_time() - started < 5  # they took minutes


def test_nesting_without_end_keeps_its_text() -> None:
    assert to_markdown("<div>" * 5000 + "x" + "</div>" * 5000) == "x"
    assert to_markdown("<blockquote>" * 300 + "x").endswith("> x")
    assert to_markdown("<b>" * 1000 + "x").strip("*") == "x"


def test_the_header_names_the_language_and_chrome_goes() -> None:
    html = (
        '<div class="flex"><span class="flex-grow">2 / 3</span></div><div class="markdown'
        ' prose"><p>See:</p><pre><div class="bg-black"><div'
        ' class="flex"><span>python</span><button>Copy code</button></div><div class="p-4"><code'
        ' class="hljs language-scss"><span>print</span>(1)\n</code></div></div></pre><p>Copy code'
        " is a phrase, 1 / 2 cup too.</p></div>"
    )
    assert (
        to_markdown(html)
        == "See:\n\n```python\nprint(1)\n```\n\nCopy code is a phrase, 1 / 2 cup too."
    )


def test_katex_comes_out_once() -> None:
    html = (
        '<p>So <span class="katex"><span class="katex-mathml"><math><mi>x</mi><annotation'
        ' encoding="application/x-tex">x^2</annotation></math></span><span class="katex-html"'
        ' aria-hidden="true">x2\u200b</span></span>.</p>'
    )
    assert to_markdown(html) == "So $x^2$."


def test_only_marked_turns_that_look_like_html_are_touched() -> None:
    stage = Html()
    plain = Conversation(
        "x/0",
        "x",
        "y",
        (Message("user", "<p>a</p>"), Message("assistant", "a `<b>` &amp; c", html=True)),
    )
    assert stage(plain) == [plain]
    [changed] = stage(
        Conversation(
            "x/0",
            "x",
            "y",
            (Message("user", "<p>a</p>"), Message("assistant", "<p>b</p>", html=True)),
        )
    )
    assert isinstance(changed, Conversation)
    assert ([m.content for m in changed.messages], changed.edits) == (["<p>a</p>", "b"], ("html",))


def test_a_turn_of_chrome_alone_is_refused_with_its_partner() -> None:
    messages = (
        Message("user", "a"),
        Message("assistant", "<div><button>Copy</button></div>", html=True),
        Message("user", "b"),
        Message("assistant", "c"),
    )
    results: list[Any] = Html()(Conversation("x/0", "x", "y", messages))
    assert [m.content for m in results[0].messages] == ["b", "c"]
    assert [(r.reason.value, r.message.content) for r in results[1:]] == [
        ("empty", ""),
        ("no_answer", "a"),
    ]


# --- duplicates


def test_equal_means_all_roles_and_contents() -> None:
    assert key(talk("a", "b")) == key(talk("a", "b"))
    different = [
        talk("a", "b"),
        talk("ab", ""[:0] or "b"),
        talk("a", "b", "c", "d"),
        talk("a", "b", system="s"),
        talk("a", "b:c"),
        talk("a ", "b"),
    ]
    assert len({key(t) for t in different}) == len(different)


# --- split

words = st.integers(1, 12).map(lambda n: " ".join(["word"] * n))
talks = st.builds(
    lambda pairs, system: talk(*(t for p in pairs for t in p), system=system),
    st.lists(st.tuples(words, words), min_size=1, max_size=8),
    st.sampled_from(["", "be brief"]),
)


@given(talks, st.integers(1, 60), st.integers(0, 4))
def test_every_pair_is_in_one_part_or_one_refusal(
    conversation: Conversation, limit: int, overhead: int
) -> None:
    results = Split("cl100k_base", limit, overhead)(conversation)
    parts = [r for r in results if isinstance(r, Conversation)]
    refused = [r for r in results if isinstance(r, Reject)]
    count = tokenizer("cl100k_base").count
    for part in parts:
        assert part.num_tokens == sum(count(m.content) for m in part.messages)
        assert part.num_tokens + overhead * len(part.messages) <= limit
        assert part.has_system == conversation.has_system
        assert part.conversation_id == "x/0"
    assert len({p.id for p in parts}) == len(parts)
    if refused and refused[0].message is None:
        assert parts == []
        return
    first = int(conversation.has_system)
    said = [m for p in parts for m in p.messages[first:]] + [r.message for r in refused]
    assert sorted(said) == sorted(conversation.messages[first:])
    rest = iter(conversation.messages[first:])
    assert all(m in rest for p in parts for m in p.messages[first:])  # in their order


paragraphs = st.lists(
    st.sampled_from(["one two. ", "three! ", "\n\n", "\n```\na. b\n\nc\n```\n", "四五。", "word "]),
    min_size=1,
    max_size=25,
).map("".join)
long_talks = st.lists(
    st.tuples(words, paragraphs.filter(lambda t: bool(t.strip()))), min_size=1, max_size=5
)


@given(long_talks, st.integers(1, 40), st.integers(0, 4))
def test_a_truncated_answer_and_its_rest_are_the_answer(
    pairs: list[tuple[str, str]], limit: int, overhead: int
) -> None:
    conversation = talk(*(t for p in pairs for t in p))
    results = Split("cl100k_base", limit, overhead, "truncate")(conversation)
    parts = [r for r in results if isinstance(r, Conversation)]
    refused = [r for r in results if isinstance(r, Reject)]
    if refused and refused[0].message is None:
        assert parts == []
        return
    count = tokenizer("cl100k_base").count
    for part in parts:
        assert part.num_tokens == sum(count(m.content) for m in part.messages)
        assert part.num_tokens + overhead * len(part.messages) <= limit
        assert ("truncated_answer" in part.edits) == any(
            m not in conversation.messages for m in part.messages
        )
        assert all(m.content.count("```") % 2 == 0 for m in part.messages)  # no cut inside code
    rests = [r.message.content for r in refused if r.message and r.level == "piece"]
    turns = [r.message.content for r in refused if r.message and r.level == "message"]
    kept = [m for p in parts for m in p.messages]
    whole = []
    for message in kept:
        text = message.content
        if message not in conversation.messages:  # an answer that was cut: its rest follows
            answers = {m.content for m in conversation.messages if m.role == "assistant"}
            rest = next(r for r in rests if text + r in answers)
            rests.remove(rest)
            text += rest
        whole.append(text)
    assert rests == []
    assert sorted(whole + turns) == sorted(m.content for m in conversation.messages)


def test_truncate_cuts_at_a_paragraph_then_at_a_sentence() -> None:
    # tokens: "q" 1, "One two three." 4, " Four five." 3, "\n\n" 1, each further sentence alike
    answer = "One two three. Four five.\n\nSix seven eight. Nine ten."
    for limit, kept in [(12, "One two three. Four five."), (7, "One two three."), (4, None)]:
        results: list[Any] = Split("cl100k_base", limit, 0, "truncate")(talk("q", answer))
        part = [r for r in results if isinstance(r, Conversation)]
        assert [p.messages[1].content for p in part] == ([kept] if kept else []), limit
        if kept:
            [piece] = [r for r in results if isinstance(r, Reject)]
            assert (piece.reason.value, piece.level, kept + piece.message.content) == (
                "cut_off",
                "piece",
                answer,
            )
            assert part[0].edits == ("truncated_answer",)


def test_split_between_pairs() -> None:
    # each word is one token; a pair is 4 tokens, and 2 messages of overhead 1 make it 6
    results = Split("cl100k_base", 12, 1)(talk("a a", "b b", "c c", "d d", "e e", "f f"))
    parts: list[Any] = list(results)
    assert [(p.id, [m.content for m in p.messages], p.num_tokens) for p in parts] == [
        ("x/0#1", ["a a", "b b", "c c", "d d"], 8),
        ("x/0#2", ["e e", "f f"], 4),
    ]


def test_a_pair_over_the_limit_is_refused_and_splits() -> None:
    long = " ".join(["word"] * 50)
    results: list[Any] = Split("cl100k_base", 20, 0)(talk("a", "b", "c", long, "d", "e"))
    assert [[m.content for m in r.messages] for r in results if isinstance(r, Conversation)] == [
        ["a", "b"],
        ["d", "e"],
    ]
    assert [(r.reason.value, r.message.content) for r in results if isinstance(r, Reject)] == [
        ("overlong", "c"),
        ("overlong", long),
    ]


def test_no_limit_counts_only() -> None:
    [got] = Split("cl100k_base", 0, 4)(talk("Hello, world!", "Hi"))
    assert isinstance(got, Conversation)
    assert (got.id, got.num_tokens) == ("x/0", 5)
