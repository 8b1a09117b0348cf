"""Texts against a pattern, from its parse tree: for each part of it that may repeat, what leads
there, what it repeats, and an end that does not fit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice, product
from re import _constants as constants  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

_REPEATS = {constants.MAX_REPEAT, constants.MIN_REPEAT, constants.POSSESSIVE_REPEAT}
_LOOKS = {constants.ASSERT, constants.ASSERT_NOT}
_ENDS = ("", "\0", "!", "\n", "x")
_CLASSES = {
    constants.CATEGORY_DIGIT: "1",
    constants.CATEGORY_NOT_DIGIT: "a",
    constants.CATEGORY_SPACE: " \n",
    constants.CATEGORY_NOT_SPACE: "a",
    constants.CATEGORY_WORD: "a1",
    constants.CATEGORY_NOT_WORD: " -",
}
_PLAIN = "a1 \n-.<\"'`*"
_MOST = 250
"""Attacks on one pattern."""


class Attack(NamedTuple):
    """Text of any length: what it begins with, what is repeated, what it ends with."""

    head: str
    pump: str
    tail: str

    def text(self, length: int) -> str:
        return self.head + self.pump * max(length // len(self.pump), 1) + self.tail

    def __str__(self) -> str:
        return f"{self.head!r} + {self.pump!r} * n + {self.tail!r}"


def attacks(pattern: re.Pattern[Any]) -> list[Attack]:
    found = dict.fromkeys(islice(_attacks(_parsed(pattern)), 20 * _MOST))
    every = max(1, -(-len(found) // _MOST))
    return list(found)[::every] if every > 1 else list(found)


def _parsed(pattern: re.Pattern[Any]) -> list[Any]:
    text = (
        pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    )
    return list(
        parser.parse(
            text, pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, str) else pattern.flags
        )
    )


def _attacks(items: list[Any]) -> Iterator[Attack]:
    whole = _sample(items)
    atoms = list(dict.fromkeys(_atoms(items)))[:14]
    for head, body, rest in _repeats(items, ""):
        pumps = list(
            dict.fromkeys(
                p
                for p in (
                    *_samples(body),
                    head + _sample(body),
                    head,
                    head + _sample(body) + rest[:-1],
                )
                if p
            )
        )
        for pump, tail in product(pumps, dict.fromkeys((rest[:-1], *_ENDS))):
            yield Attack(head, pump, tail)
            yield Attack("", pump, tail)
            yield Attack("a" + head, pump, tail)
        for pump in pumps:
            for atom in atoms:
                yield Attack(head, pump + atom, "\0")
                yield Attack(head + pump, atom, "\0")
    for pump in filter(None, (whole, whole[:-1], whole[1:])):
        yield Attack("", pump, "\0")
    for one, other in product(atoms, atoms):
        yield Attack("", one + other if one != other else one, "\0")


def _repeats(items: list[Any], head: str) -> Iterator[tuple[str, list[Any], str]]:
    """What leads to each repeat, what it repeats, what comes after it."""
    for at, (op, given) in enumerate(items):
        before, rest = head + _sample(items[:at]), _sample(items[at + 1 :])
        if op in _REPEATS:
            least, most, body = given
            if most is constants.MAXREPEAT or most - least > 50:
                yield before, list(body), rest
            yield from _repeats(list(body), before)
        for inner in _inside(op, given):
            yield from _repeats(inner, before)


def _inside(op: Any, given: Any) -> Iterator[list[Any]]:
    if op is constants.SUBPATTERN:
        yield list(given[3])
    elif op is constants.BRANCH:
        yield from (list(branch) for branch in given[1])
    elif op in _LOOKS:
        yield list(given[1])
    elif op is constants.ATOMIC_GROUP:
        yield list(given)


def _sample(items: list[Any]) -> str:
    return next(_samples(items))


def _samples(items: list[Any], most: int = 6) -> Iterator[str]:
    """Texts that a sequence matches, mostly: looks behind and back references are guessed."""
    choices = [list(islice(_one(op, given), 4)) or [""] for op, given in items]
    yield from islice(("".join(parts) for parts in product(*choices)), most)
    for at, options in enumerate(choices):  # each option of each part once
        for option in options[1:]:
            yield "".join(option if at == n else other[0] for n, other in enumerate(choices))


def _one(op: Any, given: Any) -> Iterator[str]:
    if op is constants.LITERAL:
        yield chr(given)
    elif op is constants.NOT_LITERAL:
        yield from (c for c in _PLAIN if ord(c) != given)
    elif op is constants.ANY:
        yield from "a <"
    elif op is constants.IN:
        yield from _of_class(given)
    elif op in _REPEATS:
        least, most, body = given
        for text in islice(_samples(list(body)), 3):
            yield text * (max(least, 1) if most else 0)
    elif op is constants.SUBPATTERN:
        yield from _samples(list(given[3]))
    elif op is constants.BRANCH:
        for branch in given[1]:
            yield _sample(list(branch))
    elif op is constants.ATOMIC_GROUP:
        yield from _samples(list(given))
    elif op is constants.ASSERT and given[0] > 0:
        yield from _samples(list(given[1]))
    elif op is constants.GROUPREF:
        yield "```"
    elif op is constants.AT and given in (constants.AT_BEGINNING, constants.AT_BEGINNING_LINE):
        yield ""
        yield "\n"


def _of_class(given: list[Any]) -> Iterator[str]:
    refused = given[0][0] is constants.NEGATE
    members: list[str] = []
    for op, value in given:
        if op is constants.LITERAL:
            members.append(chr(value))
        elif op is constants.RANGE:
            members += [chr(value[0]), *(c for c in "a1A" if value[0] <= ord(c) <= value[1])]
        elif op is constants.CATEGORY:
            members += _CLASSES.get(value, "")
    if not refused:
        yield from members
        return
    pattern = re.compile("[^" + "".join(map(re.escape, members)) + "]")
    yield from (c for c in _PLAIN if pattern.match(c))


def _atoms(items: list[Any]) -> Iterator[str]:
    """Every single character or class in a pattern, and its repeats as they are."""
    for op, given in items:
        if op in (constants.LITERAL, constants.IN, constants.ANY, constants.NOT_LITERAL):
            yield from islice(_one(op, given), 2)
        elif op in _REPEATS:
            yield from _atoms(list(given[2]))
        for inner in _inside(op, given):
            yield from _atoms(inner)
