"""Rejects what a recipe's `licenses` does not allow, by each row's licence and by who wrote its
answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ..rights.terms import engine_terms, license_terms, qualifies
from ..schema import Conversation, Reason, Reject
from .definition import About, Definition


@dataclass(frozen=True)
class Options:
    """licenses  keep only rows under these (SPDX, LicenseRef-…, or `commercial`); empty keeps
    all"""

    licenses: tuple[str, ...] = ()


class License:
    """The stage. `wanted` are SPDX identifiers, LicenseRef-… names, or `commercial`."""

    name = "license"

    def __init__(self, wanted: Sequence[str]) -> None:
        self._wanted = tuple(wanted)

    def __call__(self, conversation: Conversation) -> list[Conversation | Reject]:
        refusal = _refusal(conversation.license, conversation.engine, self._wanted)
        return [Reject(Reason.LICENSE, refusal) if refusal else conversation]


@lru_cache(maxsize=1024)
def _refusal(license: str, engine: str, wanted: tuple[str, ...]) -> str:
    """Why a row does not qualify; "" if it does."""
    if qualifies(license, engine, wanted):
        return ""
    return (
        f"{license}: {license_terms(license).why}; answers by {engine}: {engine_terms(engine).why}"
    )


def _make(options: Options, about: About) -> License | None:
    if options.licenses:
        return License(options.licenses)
    return None


DEFINITION = Definition(License.name, Options, (Reason.LICENSE,), _make)
