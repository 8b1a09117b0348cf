"""The sets of a mix, and which of them a row belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..preference import Whole
    from .mix import Mix

NO_TASK = "none"
"""The name of the rows without a task."""
_PARTS = {"source": ":", "language": "-"}
"""Between the general part of a name and the rest: gpt4llm:zh is of gpt4llm, zh-Hans of zh."""


def general(by: str, label: str) -> str:
    """The name that covers a label.

    >>> general("source", "gpt4llm:zh"), general("language", "zh-Hans"), general("task", "a:b")
    ('gpt4llm', 'zh', 'a:b')
    """
    return label.partition(_PARTS[by])[0] if by in _PARTS else label


class Sets:
    """The sets of a mix."""

    def __init__(self, mix: Mix) -> None:
        self._by, self._weights = mix.by, dict(mix.weights)

    def of(self, label: str) -> str | None:
        """The set that the rows with a label belong to: one named by the whole label comes before
        one named by its general part. None if no weight names it."""
        whole = general(self._by, label)
        if not self._weights:
            return whole if self._by == "source" else label
        name = label if label in self._weights else whole
        return name if self._weights.get(name) else None

    def takes(self, row: Whole) -> bool:
        """Whether a row belongs to one."""
        return self.of(label_of(self._by, row)) is not None


def label_of(by: str, row: Whole) -> str:
    """The most special name of the set that a row can be in."""
    if by == "source":
        return f"{row.source}:{row.subset}"
    return getattr(row, by) or NO_TASK
