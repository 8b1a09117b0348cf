"""Read the files whose answers are coded by number, and settle where each counts from, before any
work is done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ..catalogue import Selection, Subset
from ..catalogue.evidence import Evidence, IndexBase, Seen
from ..errors import InputError
from ..inputs import Input
from ..readers import open_file, parse
from ..schema import Reject
from ..stages.definition import STOPS

_TOLD = 10
"""So many files are told one by one; the rest as a number."""


def settle(
    inputs: Sequence[Input],
    selections: Sequence[Selection],
    said: Mapping[str, int],
    encoding: str = "",
) -> tuple[Input, ...]:
    """The inputs, with where they count from; `said` is what the user says of a subset, by
    `source:subset`.

    Raises InputError where a file does not show it and nobody has said it, and where it shows
    another than was said.
    """
    sources = {s.source.name: s.source for s in selections}
    settled: list[Input] = []
    open_questions: dict[str, list[str]] = {}
    for item in inputs:
        name = f"{item.source}:{item.subset}"
        evidence = look_over(item, sources[item.source].subset(item.subset), encoding)
        if evidence is None or not evidence.needed:
            settled.append(item)
            continue
        base = _base(item, name, evidence, said.get(name))
        if base is None:
            open_questions.setdefault(name, []).append(f"{item.name}: {evidence.told()}")
        else:
            settled.append(replace(item, index_base=base))
    if open_questions:
        raise _undecided(open_questions)
    return tuple(settled)


def look_over(item: Input, subset: Subset, encoding: str = "") -> Evidence | None:
    """What a file shows; None where the subset does not code its answers. Reads it once, from its
    start to its end."""
    probe = subset.probe
    if probe is None:
        return None
    opened = open_file(item.path, item.member, subset, encoding)

    def seen() -> Iterator[Seen]:
        for frame, _ in opened.frames((probe.field, *probe.beside)):
            record = parse(frame)
            if isinstance(record, Reject):
                continue
            try:
                yield probe.look(record)
            except STOPS:
                raise
            except Exception:  # noqa: BLE001 - the converter fails on it as well, and that is said
                yield Seen(probe.options + 1)

    return probe.add_up(seen(), opened.label_names(probe.field))


def _base(item: Input, name: str, evidence: Evidence, said: int | None) -> IndexBase | None:
    """Where the file counts from; None where that is open. A word of the user decides what the file
    leaves open, and does not overrule it: read against a 0 or a 4, each answer of the file would be
    another."""
    try:
        shown = evidence.bases
    except ValueError as error:
        wrong = f"{name}: {item.name}: {error}."
        raise InputError(wrong, hint="Give the answers as letters.") from error
    if len(shown) != 1:
        return None if said is None else IndexBase(said, "recipe", evidence)
    (base,) = shown
    if said not in (None, base):
        counts = f"{item.name} counts its options from {base}, but --index-base says {said}"
        raise InputError(
            f"{name}: {counts}: {evidence.told()}.",
            hint="Leave --index-base out. Files that count the other way need a separate build.",
        )
    return IndexBase(base, "evidence", evidence)


def _undecided(files: Mapping[str, Sequence[str]]) -> InputError:
    name = next(iter(files))
    lines = [f"  {subset}: {line}" for subset, told in files.items() for line in told]
    more = [f"  and {len(lines) - _TOLD:,} more files"] if len(lines) > _TOLD else []
    return InputError(
        "These files do not show whether their options are counted from 0 or from 1:\n"
        + "\n".join([*lines[:_TOLD], *more, ""]),
        hint=f"--index-base={name}=0 or --index-base={name}=1 says which; in a recipe, index_base.",
    )
