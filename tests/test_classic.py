"""The libraries in the place of the native converter and detector: what they make of a page and of
a text, and what is refused."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from open_instructions import recipe as recipes
from open_instructions.building.run import BuildResult
from open_instructions.errors import RecipeError
from open_instructions.recipe import Recipe
from open_instructions.schema import Conversation, Message, Reason, Reject
from open_instructions.stages.html.classic import ClassicHtml, to_markdown
from open_instructions.stages.language import classic as language_classic
from open_instructions.stages.language.classic import ClassicLanguage, detect

from .conftest import rows

BAR = (
    '<div class="flex"><span class="">python</span><button class="ml-auto"><svg></svg>Copy'
    " code</button></div>"
)
CODE = (
    '<div class="p-4"><code class="hljs language-python"><span class="hljs-keyword">if</span>'
    " a_b:\n\n\n    <span>pass</span>\n</code></div>"
)


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        (
            "<div><p>Some <strong>bold</strong> and <em>thin</em> words.</p></div>",
            "Some **bold** and *thin* words.",
        ),
        (
            f"<div><p>See:</p><pre><div>{BAR}{CODE}</div></pre></div>",
            "See:\n\n```python\nif a_b:\n\n\n    pass\n```",
        ),
        ("<pre><code>Copy code is a phrase\n</code></pre>", "```\nCopy code is a phrase\n```"),
        ("<pre><code>\n\n  x\n\n\ny\n\n</code></pre>", "```\n\n\n  x\n\n\ny\n\n```"),
        ("<pre>\nx\n</pre>", "```\nx\n```"),
        ("<p>Press <button>Copy code</button>, then 1 / 2.</p>", "Press Copy code, then 1 / 2."),
        ("<p>2*3 a_b</p><ol start='3'><li>x</li><li>y</li></ol>", "2\\*3 a\\_b\n\n3. x\n4. y"),
        ("<table><tr><th>a</th></tr><tr><td>1</td></tr></table>", "| a |\n| --- |\n| 1 |"),
        ("<h1>Trees</h1>", "Trees\n====="),
    ],
)
def test_what_the_libraries_make(html: str, markdown: str) -> None:
    assert to_markdown(html) == markdown


@pytest.mark.parametrize(
    ("html", "reason"),
    [
        ("<b>" * 2000 + "x", Reason.TOO_DEEP),
        ("<blockquote>" * 90 + "a\n" * 300_000, Reason.TOO_LARGE),
        ("<p>" + "x" * (1 << 20), Reason.TOO_LARGE),
        ("<p>" + "<!--" * 200_000, Reason.TOO_LARGE),
        ("<p>" + "<a " * 300_000, Reason.TOO_LARGE),
        ("<p>" + " " * 500_000 + "x", Reason.TOO_LARGE),
        ("<pre>x" + "\n" * 500_000 + "x</pre>", Reason.TOO_LARGE),
        ("<ol>" + "<li>x</li>" * 20_000, Reason.TOO_LARGE),
        ("<table><thead>" + "<tr><td>x</td></tr>" * 20_000, Reason.TOO_LARGE),
        ("<table>" + "<tbody><tr><td>x</td></tr></tbody>" * 10_000, Reason.TOO_LARGE),
        ("<table><tr>" + "<td colspan=1000>x</td>" * 20_000, Reason.TOO_LARGE),
        ("<ol start=" + "9" * 4000 + ">" + "<li>x</li>" * 1000, Reason.INVALID_HTML),
        ("<ol start='²'><li>x</li></ol>", Reason.INVALID_HTML),
        ("<p>a</p><![foo]>", Reason.INVALID_HTML),
    ],
)
def test_a_page_that_would_harm_is_refused_by_name(html: str, reason: Reason) -> None:
    started = time.process_time()
    made = to_markdown(html)
    assert isinstance(made, Reject)
    assert made.reason == reason
    assert len(made.detail) <= 300
    assert time.process_time() - started < 10  # measured: up to 1 s


def test_long_pages_that_people_write_are_converted() -> None:
    page = "<p>A line of the text.</p>" * 5000 + "<ol>" + "<li>x</li>" * 1000 + "</ol>"
    made = to_markdown(page)
    assert isinstance(made, str)
    assert made.count("A line of the text.") == 5000
    assert made.endswith("1000. x")


def test_pages_leave_no_cycles_for_a_collector_that_a_build_does_without() -> None:
    page = f"<div><p>a <b>b</b></p><pre>{BAR}{CODE}</pre><ul><li>x</li></ul></div>"
    to_markdown(page)
    gc.collect()
    gc.disable()
    try:
        to_markdown(page)
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_only_marked_turns_that_hold_html_are_converted() -> None:
    def said(*messages: Message) -> list[str]:
        [result] = ClassicHtml()(Conversation("x/0", "x", "y", messages))
        assert isinstance(result, Conversation)
        return [m.content for m in result.messages]

    words = "<p>How is vector<int> used?</p>"
    assert said(Message("user", words), Message("assistant", "<p>a_b</p>", html=True)) == [
        words,
        "a\\_b",
    ]
    talk = Conversation(
        "x/0", "x", "y", (Message("user", words), Message("assistant", "a < b", html=True))
    )
    assert ClassicHtml()(talk)[0] is talk


# --- languages


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Wie backe ich ein Brot ohne Hefe, und wie lange muss es in den Ofen?", ("de", 1.0)),
        ("请问怎么样才能学好英语？我觉得语法很难，单词也记不住。", ("zh-Hans", 1.0)),
        ("這是一本關於臺灣歷史的書，我們在學校裡讀過它。", ("zh-Hant", 1.0)),
        ("他們說這個國家的經濟發展得很快。", ("zh-Hant", 0.57)),
        ("圖書館在哪裡？", ("ko", 1.0)),  # wrong, and langdetect's own
        ("1 + 1 = 2", ("und", 0.0)),
        ("", ("und", 0.0)),
        ("😀", ("und", 0.0)),
    ],
)
def test_labels(text: str, found: tuple[str, float]) -> None:
    assert detect(text) == found


def test_the_labels_are_langdetects_own_and_the_same_each_time() -> None:
    from langdetect import DetectorFactory, detect_langs

    text = "Hallo world, ciao mundo"
    assert len({detect(text) for _ in range(20)}) == 1
    seed, DetectorFactory.seed = DetectorFactory.seed, 0
    try:
        from langdetect import detector_factory

        detector_factory._factory = None
        best = detect_langs(text)[0]
        assert detect(text) == (best.lang, round(best.prob, 2))
        own = {name.partition("-")[0] for name in detector_factory._factory.get_lang_list()}
    finally:
        DetectorFactory.seed = seed
        detector_factory._factory = None
    assert set(language_classic.LANGUAGES) == own


def test_the_stage_filters_by_the_same_words() -> None:
    talk = Conversation(
        "x/0",
        "x",
        "y",
        (
            Message("user", "Was ist ein Baum?"),
            Message("assistant", "Ein Baum ist eine große Pflanze."),
        ),
    )
    [[kept]] = ClassicLanguage(("de",)).batch([talk])
    assert isinstance(kept, Conversation)
    assert (kept.language, kept.language_score) == ("de", 1.0)
    assert ClassicLanguage(("fr",)).batch([talk]) == [[Reject(Reason.LANGUAGE, "de 1.00")]]


# --- recipes and builds


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("html: true", "native"),
        ("html: off", "off"),
        ("html: false", "off"),
        ("html: 'off'", "off"),
        ("html: markdownify", "markdownify"),
        ("html: native", "native"),
        ("{}", "native"),
    ],
)
def test_words_for_html(text: str, word: str) -> None:
    made = recipes.parse(text, "mine.yaml")
    assert made.html == word
    assert Recipe.from_dict(made.to_dict()) == made
    assert made.to_dict()["html"] == word


def test_python_takes_true_and_false_too() -> None:
    assert (Recipe("x", html=True).html, Recipe("x", html=False).html) == ("native", "off")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("html: markdownfy", "html is native, markdownify or off, not 'markdownfy'"),
        ("html: 1", "native, markdownify or off"),
        ("detector: true", "detector is native or langdetect, not True"),
        (
            "detector: langdetect\nlanguages: [xh]",
            "langdetect does not know 'xh'",
        ),
    ],
)
def test_wrong_words(text: str, says: str) -> None:
    with pytest.raises(RecipeError) as caught:
        recipes.parse(text, "mine.yaml")
    assert says in str(caught.value)


PAGE = {
    "id": "demo01",
    "conversations": [
        {"from": "human", "value": "<p>What is vector<int>?</p>"},
        {
            "from": "gpt",
            "value": (
                "<div class='markdown'><p>A list of <em>numbers</em>, in"
                f" a_row:</p><pre>{BAR}{CODE}</pre></div>"
            ),
        },
    ],
}
DEEP = {
    "id": "demo02",
    "conversations": [PAGE["conversations"][0], {"from": "gpt", "value": "<p>" * 1000 + "x"}],
}


def test_the_recipe_classic_builds_with_the_libraries(
    make: Callable[..., BuildResult], tmp_path: Path
) -> None:
    files = {"sg_90k_part1.json": [PAGE, DEEP]}
    result = make(files, "sharegpt:raw", recipe="classic")
    [row] = rows(result)
    assert [m["content"] for m in row["messages"]] == [
        "<p>What is vector<int>?</p>",
        "A list of *numbers*, in a\\_row:\n\n```python\nif a_b:\n\n\n    pass\n```",
    ]
    assert (row["language"], row["edits"]) == ("en", ["html"])
    assert [(r["stage"], r["reason"], r["level"]) for r in rows(result, "rejected")] == [
        ("html", "too_deep", "record")
    ]
    assert result.manifest.recipe["html"] == "markdownify"
    assert result.manifest.versions["language"].startswith("langdetect 1.")
    assert result.manifest.versions["html"].startswith("markdownify 1.")
    again = make(files, "sharegpt:raw", recipe="classic", out=tmp_path / "again", workers=2)
    assert again.manifest == result.manifest


def test_a_native_build_says_nothing_of_them(make: Callable[..., BuildResult]) -> None:
    result = make({"sg_90k_part1.json": [PAGE]}, "sharegpt:raw")
    assert result.manifest.recipe["html"] == "native"
    assert result.manifest.recipe["detector"] == "native"
    assert "html" not in result.manifest.versions


def test_the_libraries_are_imported_where_a_recipe_asks_for_them(tmp_path: Path) -> None:
    code = (
        "import sys, open_instructions as oi; oi.build('sharegpt:raw', sample=True,"
        " recipe=sys.argv[1], out=sys.argv[2]);print(*[name in sys.modules for name in ('bs4',"
        " 'markdownify', 'langdetect')])"
    )

    def imported(recipe: str) -> str:
        command = [sys.executable, "-c", code, recipe, str(tmp_path / recipe)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return done.stdout.strip()

    assert imported("default") == "False False False"
    assert imported("classic") == "True True True"
