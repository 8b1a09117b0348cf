"""What rows may be used for: two questions, two tables.

The licence says what the people who published a set allow; the engine says whose terms the answers
stand under besides. A row may be used commercially only where both say so, and what is unknown or
disputed does not say so. This is information, not legal advice.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from ..catalogue import Terms, Use, registry
from ..catalogue.terms import INTERNAL, UNSTATED

T = TypeVar("T")

COMMERCIAL = "commercial"
"""In a recipe's `licenses`: whatever may be used commercially, by both tables."""


_ANY = Terms(Use.ANY, "allows any use")
_NOTICE = Terms(Use.ANY, "allows any use with its notice", attribution=True)
_BY = Terms(Use.ANY, "allows any use with attribution", attribution=True)
_SA = Terms(
    Use.ANY,
    "allows any use with attribution, under the same licence",
    attribution=True,
    share_alike=True,
)
_NC = Terms(Use.NONCOMMERCIAL, "excludes commercial use", attribution=True)
_NC_SA = Terms(Use.NONCOMMERCIAL, "excludes commercial use", attribution=True, share_alike=True)

LICENSES: dict[str, Terms] = {
    "CC0-1.0": _ANY,
    "Unlicense": _ANY,
    "LicenseRef-PublicDomain": Terms(Use.ANY, "is said to be in the public domain"),
    "Apache-2.0": _NOTICE,
    "BSD-2-Clause": _NOTICE,
    "BSD-3-Clause": _NOTICE,
    "ISC": _NOTICE,
    "MIT": _NOTICE,
    "CC-BY-2.0": _BY,
    "CC-BY-2.5": _BY,
    "CC-BY-3.0": _BY,
    "CC-BY-4.0": _BY,
    "ODC-By-1.0": _BY,
    "CC-BY-SA-2.5": _SA,
    "CC-BY-SA-3.0": _SA,
    "CC-BY-SA-4.0": _SA,
    "ODbL-1.0": _SA,
    "CC-BY-NC-3.0": _NC,
    "CC-BY-NC-4.0": _NC,
    "CC-BY-NC-SA-3.0": _NC_SA,
    "CC-BY-NC-SA-4.0": _NC_SA,
    UNSTATED: Terms(Use.UNCLEAR, "means that nobody states a licence"),
    INTERNAL: Terms(Use.UNCLEAR, "means that it is for internal use"),
    "CC-BY-ND-4.0": Terms(Use.UNCLEAR, "forbids passing on changed versions", attribution=True),
}


@cache
def known_licenses() -> dict[str, Terms]:
    """The licences in general, and those that built-in and installed sources describe."""
    own = dict(named for source in registry().all() for named in source.licenses)
    return {**LICENSES, **{name: own[name] for name in own if name not in LICENSES}}


def _terms_of(name: str) -> Terms | None:
    return LICENSES.get(name) or known_licenses().get(name)


_OPENAI = Terms(
    Use.NONCOMMERCIAL,
    "OpenAI's terms: output may not be used to develop models that compete with OpenAI's",
)

ENGINES: dict[str, Terms] = {
    "human": Terms(Use.ANY, "written by people"),
    "none": Terms(Use.ANY, "no answers"),
    "text-davinci-003": _OPENAI,
    "gpt-3.5-turbo": _OPENAI,
    "gpt-4": _OPENAI,
    "gpt-4 and others": _OPENAI,
    "chatgpt": _OPENAI,
    "bing": Terms(Use.NONCOMMERCIAL, "Microsoft's terms: output is for personal use"),
    "bard": Terms(Use.NONCOMMERCIAL, "Google's terms: output may not be used to develop models"),
    "unstated": Terms(Use.UNCLEAR, "nobody states who wrote the answers"),
}

_ORDER = list(Use)


def license_terms(expression: str) -> Terms:
    """What a licence expression allows: of `A AND B` what both do, of `A OR B` what either does.

    >>> (str(license_terms("(MIT OR CC0-1.0) AND CC-BY-NC-4.0").use),
    ...  str(license_terms("MIT AND LicenseRef-somebody").use))
    ('non-commercial', 'unclear')
    """

    def one(name: str) -> Terms:
        return _terms_of(name) or Terms(Use.UNCLEAR, f"{name} is not known here")

    def both(terms: list[Terms]) -> Terms:
        worst = max(terms, key=lambda t: _ORDER.index(t.use))
        return Terms(
            worst.use,
            worst.why,
            any(t.attribution for t in terms),
            any(t.share_alike for t in terms),
        )

    def either(terms: list[Terms]) -> Terms:
        return min(terms, key=lambda t: _ORDER.index(t.use))

    return _evaluated(expression, one, both, either) or Terms(
        Use.UNCLEAR, "is not a licence expression"
    )


def _evaluated(
    expression: str,
    one: Callable[[str], T],
    every: Callable[[list[T]], T],
    some: Callable[[list[T]], T],
) -> T | None:
    """An SPDX expression, by what a name is worth and what AND and OR make of several; None for
    what is none.

    AND binds closer than OR, parentheses closer than both, as SPDX has it; `A WITH B` is a name.
    """
    tokens = re.findall(r"[()]|[^\s()]+(?: WITH [^\s()]+)?", expression)
    at = 0

    def chain(word: str, part: Callable[[], T], combine: Callable[[list[T]], T]) -> T:
        nonlocal at
        parts = [part()]
        while at < len(tokens) and tokens[at] == word:
            at += 1
            parts.append(part())
        return combine(parts)

    def atom() -> T:
        nonlocal at
        token, at = tokens[at], at + 1
        if token == "(":
            inner = alternatives()
            if tokens[at] != ")":
                raise IndexError
            at += 1
            return inner
        if token in (")", "AND", "OR"):
            raise IndexError
        return one(token)

    def alternatives() -> T:
        return chain("OR", lambda: chain("AND", atom, every), some)

    try:
        result = alternatives()
    except (IndexError, RecursionError):  # it ends, or goes on, where it must not
        return None
    if at == len(tokens):
        return result
    return None


def engine_terms(engine: str) -> Terms:
    """What the maker of an engine allows. Records name engines in several ways: `gpt4`,
    `gpt-4-0613`.

    >>> (str(engine_terms("human").use),
    ...  str(engine_terms("gpt-4").use),
    ...  str(engine_terms("my-own").use))
    ('any', 'non-commercial', 'unclear')
    """
    known = "gpt-4" if engine not in ENGINES and _OF_OPENAI.match(engine) else engine
    return ENGINES.get(known, Terms(Use.UNCLEAR, "its maker's terms are unknown"))


_OF_OPENAI = re.compile(r"(?:chat)?gpt-?(?:3\.5|4|5)(?!all)", re.I)


def use_of(license: str, engine: str) -> Use:
    """What a row may be used for, by both: the narrower of the two."""
    return max(license_terms(license).use, engine_terms(engine).use, key=_ORDER.index)


def qualifies(license: str, engine: str, wanted: tuple[str, ...]) -> bool:
    """Does a row fall under one of the wanted licences? By name the licence alone is asked for, by
    `commercial` the engine too.

    >>> (qualifies("CC-BY-SA-3.0", "human", ("commercial",)),
    ...  qualifies("MIT", "gpt-4", ("commercial",)),
    ...  qualifies("MIT", "gpt-4", ("MIT",)))
    (True, False, True)
    """
    if not wanted or (COMMERCIAL in wanted and use_of(license, engine) == Use.ANY):
        return True
    return _evaluated(license, wanted.__contains__, all, any) or False


def narrowest(uses: list[Use]) -> Use:
    """What all of them together may be used for."""
    return max(uses, key=_ORDER.index, default=Use.ANY)
