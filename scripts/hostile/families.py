"""Texts that have hung something, somewhere, once; each of any length."""

from __future__ import annotations

from collections.abc import Callable

Family = Callable[[int], str]

IN_JSON = (
    '"',
    "[",
    "]",
    "\\",
    "{",
    ",",
    " ",
    "\n",
    "1",
    '{"a":',
    '"},{"',
    "},{",
    "],[",
    "},[",
    "{},[",
    '\\"',
    '":',
    '["',
    "1e9,",
)
"""What JSON is made of."""

IN_ROWS = (
    '"',
    '""',
    ",",
    "\n",
    "\r",
    "\t",
    " ",
    ', "',
    'a","',
    'a,"\n',
    'a","\n',
    "a,b\n",
    '"a"b,c\n',
    '"a\n',
    'a\n"',
    ',"a" "\n',
    "a;b,c|d\te\n",
)
"""What tables are made of, where commas divide their cells."""

_PUMPS = (
    " ",
    "\n",
    "\t",
    "\r\n",
    "`",
    "*",
    "_",
    "[",
    "]",
    "(",
    ")",
    "<",
    ">",
    "&",
    "\\",
    '"',
    "'",
    ".",
    "-",
    "#",
    "$",
    "|",
    "1",
    "a",
    "汉",
    "\u0301",
    "\u0301\u0323",
    "ﾞ\u0301",
    "\ufdfa",
    "\u3000",
    "a.",
    "a-",
    "a ",
    "a, ",
    ". ",
    ".) ",
    "。”",
    "_1",
    "()",
    "[1]",
    ".[1]",
    "://",
    "http://",
    "https://a.b ",
    "a.com ",
    "` ",
    "`` ` ",
    "a`b``",
    "\n#",
    "\n1 ",
    "\n1.",
    "\n-",
    "\n- a",
    "\n>",
    "\n    a",
    "\n\ta\n",
    "a\n\n",
    "\n```",
    "\n~~~",
    "\n```\na",
    "> ",
    "\n<!--\n-->",
    "\n***",
    "<a ",
    '<a b="',
    "<a b='",
    "<!--",
    "<!",
    "</",
    "<br",
    "<br>",
    " <br> ",
    "<pre>",
    "<pre><code>",
    "<div>",
    "</div>",
    "<div></div>",
    "<p>",
    "<li>",
    "<ol><li>",
    "<ul>",
    "<td>",
    "<table><tr><td>",
    "<svg>",
    "<script>",
    "<button>",
    "<pre><button>",
    "<pre><svg ",
    "<span class='katex'>",
    "<span class='katex'><annotation>",
    "<math>",
    "<annotation",
    "<h1>",
    "<code>",
    "<a href='[",
    "<a href='x'>[",
    "<b>",
    "<b></i>",
    "<blockquote>",
    "<img alt='",
    "<td rowspan=9>",
    "&#",
    "&#1",
    "&amp;",
    "&lt;",
    "&a",
    "&#x",
    "[a](",
    "![",
    "[a]:",
    "**a",
    "~~",
    "\\*",
    "\n|",
    "| - ",
    "|:-",
    "$$",
    "</s>",
    "</s> \n",
    " 1. Instruction:",
    "\n1.\n",
    "no input ",
    "<none>",
    '{"a":',
    '"},{"',
    "},{",
    "},[",
    "{},[",
    '\\"',
    '":',
    '["',
    "1e9,",
    "1:",
    "_1_",
    "Copy1 chars / ",
    "hyperoph",
    "coic",
    "coico",
    "1 / 1",
    "as an ai ",
    "I'm sorry, ",
)


def families() -> dict[str, Family]:
    """By name: a text of about so many characters."""
    found: dict[str, Family] = {}
    for pump in _PUMPS:
        for tail in ("", "x") if len(pump) == 1 else ("",):
            found[f"{pump!r} * n + {tail!r}"] = _repeated(pump, tail)
    found["x behind a number"] = lambda n: "&#" + "9" * n + ";"
    for mark in "`~$*_ #<":
        found[f"runs of {mark!r} that grow"] = _growing(mark, " ")
        found[f"lines of {mark!r} that grow"] = _growing(mark, "\n")
    found["halves, opened and closed"] = lambda n: "<div>" * (n // 10) + "</div>" * (n // 10)
    found["halves, brackets"] = lambda n: "[" * (n // 2) + "]" * (n // 2)
    found["a code block of back quotes"] = lambda n: "<pre><code>" + "`" * n + "</code></pre>"
    return found


def _repeated(pump: str, tail: str) -> Family:
    return lambda n: pump * max(n // len(pump), 1) + tail


def _growing(mark: str, between: str) -> Family:
    def make(n: int) -> str:
        return between.join(mark * length for length in range(1, int((2 * n) ** 0.5)))

    return make
