"""Two texts that are nearly the same, with the difference marked: [-only here-] {+only there+}."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple

MOST_WORDS = 1000
"""How many words of each text are compared, after what both begin with."""
_NEAR = 12
"""How many equal words are shown before and after a difference."""
_WORDS = re.compile(r"\s+|\S+")
Turns = Sequence[tuple[str, str]]


class Alike(NamedTuple):
    """A row that was dropped and the one that stays instead: its id, the reason, the similarity,
    and the turns of both; `own` is empty if the dropped row cannot be read again."""

    other: str
    reason: str
    score: float | None
    own: Turns
    kept: Turns


def turns_of(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The messages of rows of data/ or preference/."""
    turns = []
    for row in rows:
        for name in ("messages", "prompt", "chosen", "rejected"):
            for message in row.get(name) or ():
                role = message["role"]
                said = role if name == "messages" else f"{name}: {role}"
                turns.append((said, message["content"] or ""))
    return turns


def marked(one: Turns, other: Turns) -> str:
    """Both texts as one. Long equal passages are left out, and said.

    >>> print(marked([("user", "Name a red bird.")], [("user", "Name a blue bird, please.")]))
    user: Name a [-red bird.-]{+blue bird, please.+}
    """
    a, b = _words(one), _words(other)
    same = next((n for n, pair in enumerate(zip(a, b, strict=False)) if pair[0] != pair[1]), None)
    same = min(len(a), len(b)) if same is None else same
    left, right = a[same : same + 2 * MOST_WORDS], b[same : same + 2 * MOST_WORDS]
    pieces = [_shortened(a[:same], first=True)]
    for kind, i, j, k, m in SequenceMatcher(str.isspace, left, right).get_opcodes():
        if kind == "equal":
            pieces.append(_shortened(left[i:j]))
        else:
            pieces += _difference("".join(left[i:j]), "".join(right[k:m]))
    more = max(len(a), len(b)) - same - 2 * MOST_WORDS
    if more > 0:
        pieces.append(f"\n… {more // 2:,} more words were not compared")
    return "".join(pieces)


def _difference(gone: str, new: str) -> Iterator[str]:
    if gone:
        yield f"[-{gone}-]"
    if new:
        yield f"{{+{new}+}}"


def _words(turns: Turns) -> list[str]:
    """Words, and the white space between them."""
    text = "\n".join(f"{role}: {content}" for role, content in turns)
    return _WORDS.findall(text)


def _shortened(words: Sequence[str], first: bool = False) -> str:
    left_out = (len(words) - 4 * _NEAR) // 2
    if left_out <= 0:
        return "".join(words)
    begin = [] if first else words[: 2 * _NEAR]
    said = f" … {left_out + first * _NEAR:,} equal words … "
    return "".join([*begin, said, *words[-2 * _NEAR :]])
