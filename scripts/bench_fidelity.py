"""How faithful HTML to Markdown is: render Markdown as ChatGPT's page did, convert it back, compare
the documents.

    python scripts/bench_fidelity.py --v3 ShareGPT_V3_unfiltered_cleaned_split.json --limit 3000
    python scripts/bench_fidelity.py --docs /usr/lib/node_modules --fastchat /path/to/env/bin/python

Two Markdown texts are the same document if CommonMark (with tables and strike-through) parses them
into the same tree; white space counts inside code and not between words. `--fastchat` names a
Python that has fschat 0.2.36 installed: its own conversion then runs on the same HTML. The renderer
goes through the page's generations in turn.
"""

from __future__ import annotations

import argparse
import html
import itertools
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from open_instructions.catalogue import registry
from open_instructions.readers import open_file
from open_instructions.recipe import Recipe
from open_instructions.schema import Conversation, Message, Reject
from open_instructions.stages import defects
from open_instructions.stages.definition import About
from open_instructions.stages.html import classic as html_classic
from open_instructions.stages.html import to_markdown
from open_instructions.stages.html.definition import DEFINITION as HTML

COPY = '<button class="flex ml-auto gap-2"><svg viewBox="0 0 24 24"><path d="M16 4h2"></path></svg>Copy code</button>'
BAR = (
    '<div class="flex items-center relative text-gray-200 bg-gray-800 px-4 py-2 text-xs font-sans"><span>{label}</span>'
    + COPY
    + "</div>"
)
# (class of the answer's element, class around a code block, class of its code)
GENERATIONS = (
    (
        "request-:r0:-3 markdown prose dark:prose-invert break-words dark",
        "bg-black mb-4 rounded-md",
        "!whitespace-pre-wrap hljs",
    ),
    (
        "markdown prose w-full break-words dark:prose-invert light",
        "bg-black rounded-md mb-4",
        "!whitespace-pre hljs",
    ),
    (
        "markdown prose w-full break-words dark:prose-invert light",
        "dark bg-gray-950 rounded-md",
        "hljs",
    ),
    (
        "markdown prose dark:prose-invert w-full break-words dark",
        "contain-inline-size rounded-2xl relative bg-token-sidebar",
        "!whitespace-pre",
    ),
)
PARSER = MarkdownIt("commonmark", {"html": False}).enable("table").enable("strikethrough")
BETWEEN_BLOCKS = re.compile(
    r"(</?(?:p|ol|ul|li|h[1-6]|blockquote|table|thead|tbody|tr|th|td|hr)\b[^>]*>)\n|\n$"
)
Tree = list[Any]


def page(markdown: str, generation: int) -> str:
    """The page's HTML for one answer."""
    root, block, code = GENERATIONS[generation % len(GENERATIONS)]

    def fence(renderer: Any, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        label = (tokens[at].info.split() or [""])[0]
        words = re.split(r"(\b[A-Za-z_]{3,}\b)", tokens[at].content)
        body = "".join(
            f'<span class="hljs-keyword">{w}</span>' if i % 4 == 1 else html.escape(w, quote=False)
            for i, w in enumerate(words)
        )
        guess = html.escape(label) or "scss"
        return (
            f'<pre><div class="{block}">{BAR.format(label=html.escape(label))}<div class="p-4 overflow-y-auto">'
            f'<code class="{code} language-{guess}">{body}</code></div></div></pre>'
        )

    renderer = MarkdownIt("commonmark", {"html": False}).enable("table").enable("strikethrough")
    renderer.add_render_rule("fence", fence)
    text = renderer.render(markdown)
    if generation % len(GENERATIONS) < 3:  # until 2025 the page had no line breaks between blocks
        parts = re.split(r"(<pre>.*?</pre>)", text, flags=re.S)
        parts[::2] = [BETWEEN_BLOCKS.sub(r"\1", part) for part in parts[::2]]
        text = "".join(parts)
    return f'<div class="{root}">{text}</div>'


def tree(markdown: str) -> Tree:
    """The document that a Markdown text is, as a list that can be compared."""
    found: Tree = []
    for token in PARSER.parse(markdown):
        if token.type == "inline":
            parts = [
                t.content
                if t.type == "text"
                else " "
                if t.type == "softbreak"
                else f"\1{t.type} {t.content} {sorted(t.attrs.items())}\2"
                for t in token.children or []
            ]
            found.append(" ".join("".join(parts).replace("\1hardbreak", " \1hardbreak").split()))
        elif token.type in ("fence", "code_block"):
            found.append(("code", token.content.removesuffix("\n")))
        else:
            found.append((token.type, token.hidden, token.tag, sorted(token.attrs.items())))
    return found


def code(found: Tree) -> list[str]:
    return [t[1] for t in found if isinstance(t, tuple) and t[0] == "code"]


def turns(path: Path, sender: str, limit: int | None) -> Iterator[str]:
    """The turns of "gpt" or "human" in a ShareGPT file in Markdown."""
    subset = registry().get("sharegpt").subset("v3")
    for _, record in itertools.islice(open_file(path, None, subset).frames(), limit):
        for turn in record["conversations"] if isinstance(record, dict) else ():
            if turn["from"] == sender and turn["value"].strip():
                yield turn["value"]


def report_prompts(texts: Sequence[str], python: str | None) -> None:
    """How many human turns come through unchanged: the stages of sharegpt:raw, and FastChat's
    conversion of every turn."""
    source = registry().get("sharegpt")
    stages: list[Any] = [
        stage.made(Recipe("bench"), About(source.rules)) for stage in (HTML, defects.DEFINITION)
    ]
    same = 0
    for text in texts:
        results: list[Any] = [
            Conversation(
                "x",
                "sharegpt",
                "raw",
                (Message("user", text), Message("assistant", "<p>Yes.</p>", html=True)),
            )
        ]
        for stage in stages:
            results = stage(results[0])
        same += results[0].messages[0].content == text
    print(f"open-instructions: {same:,} of {len(texts):,} human turns unchanged")
    if python:
        theirs = sum(
            a.strip() == b.strip() for a, b in zip(texts, fastchat(python, texts)[0], strict=True)
        )
        print(
            f"fastchat: {theirs:,} of {len(texts):,} human turns unchanged but for white space at the ends"
        )


def sections(folder: Path, limit: int | None) -> Iterator[str]:
    """The sections of all Markdown files below a folder, each text once."""
    seen: set[str] = set()
    for path in sorted(folder.rglob("*.md")):
        for text in re.split(
            r"(?m)^(?=#{1,3} )", path.read_text(encoding="utf-8", errors="replace")
        ):
            if (
                40 < len(text) < 20_000
                and text not in seen
                and (limit is None or len(seen) < limit)
            ):
                seen.add(text)
                yield text


def fastchat(python: str, pages: Sequence[str]) -> tuple[list[str], float]:
    """FastChat's own conversion of the same pages, in its own environment; the texts and the
    seconds."""
    program = (
        "import json, sys, time\nfrom fastchat.data.clean_sharegpt import html_to_markdown\npages = json.load(sys.stdin)\nstart = time.perf_counter()\n"
        "out = [html_to_markdown(p) for p in pages]\njson.dump([out, time.perf_counter() - start], sys.stdout)"
    )
    done = subprocess.run(
        [python, "-c", program],
        input=json.dumps(list(pages)),
        capture_output=True,
        text=True,
        check=True,
    )
    texts, seconds = json.loads(done.stdout.splitlines()[-1])
    return texts, seconds


def report(
    name: str, truths: Sequence[Tree], texts: Sequence[str], seconds: float, show: int
) -> None:
    trees = [tree(t) for t in texts]
    same = sum(a == b for a, b in zip(truths, trees, strict=True))
    with_code = [(a, b) for a, b in zip(truths, trees, strict=True) if code(a)]
    same_with_code = sum(a == b for a, b in with_code)
    blocks = sum(len(code(a)) for a, _ in with_code)
    equal = sum(x == y for a, b in with_code for x, y in zip(code(a), code(b), strict=False))
    print(
        f"{name}: same document {same:,} of {len(truths):,} ({same / len(truths):.2%}), of those with code {same_with_code:,} of "
        f"{len(with_code):,}; code blocks equal {equal:,} of {blocks:,}; {len(texts) / seconds:,.0f} texts/s"
    )
    different = [(a, b) for a, b in zip(truths, trees, strict=True) if a != b]
    for a, b in different[:show]:
        pair = next(
            ((x, y) for x, y in zip(a, b, strict=False) if x != y), (a[len(b) :], b[len(a) :])
        )
        print("  was", repr(pair[0])[:300], "\n  is ", repr(pair[1])[:300])


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--v3", type=Path, help="a ShareGPT file whose assistant turns are Markdown"
    )
    parser.add_argument("--docs", type=Path, help="a folder with Markdown documentation")
    parser.add_argument("--limit", type=int, help="records, or sections")
    parser.add_argument("--fastchat", help="a Python that has fschat 0.2.36")
    parser.add_argument("--show", type=int, default=3, help="differences to show")
    args = parser.parse_args(list(arguments) if arguments is not None else None)
    texts = [
        *(turns(args.v3, "gpt", args.limit) if args.v3 else ()),
        *(sections(args.docs, args.limit) if args.docs else ()),
    ]
    if not texts:
        sys.exit("Nothing to measure: hand in --v3 or --docs.")
    pages = [page(text, n) for n, text in enumerate(texts)]
    truths = [tree(text) for text in texts]
    print(f"{len(pages):,} texts, {sum(map(len, pages)) / 1e6:.1f} MB of HTML")
    start = time.perf_counter()
    ours = [to_markdown(p) for p in pages]
    report("open-instructions", truths, ours, time.perf_counter() - start, args.show)
    start = time.perf_counter()
    classic = [html_classic.to_markdown(p) for p in pages]
    seconds = time.perf_counter() - start
    print(
        f"html: markdownify: {sum(isinstance(text, Reject) for text in classic):,} pages rejected"
    )
    report(
        "html: markdownify",
        truths,
        ["" if isinstance(text, Reject) else text for text in classic],
        seconds,
        args.show,
    )
    if args.fastchat:
        theirs, seconds = fastchat(args.fastchat, pages)
        report("fastchat", truths, theirs, seconds, args.show)
    if args.v3:
        report_prompts(list(turns(args.v3, "human", args.limit)), args.fastchat)


if __name__ == "__main__":
    main()
