"""Read the files whose answers are numbers, and settle whether each counts from 0 or 1, before any
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
"""The most files that an error lists; the rest are a number."""


def settle(
    inputs: Sequence[Input],
    selections: Sequence[Selection],
    said: Mapping[str, int],
    encoding: str = "",
) -> tuple[Input, ...]:
    """The inputs, with their index bases. `said` is the user's choice per `source:subset`.

    Raises InputError if neither the file nor the user says where it counts from, or if the file
    contradicts the user.
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
    """A file's evidence; None if the subset's answers are not numbers. Reads the whole file
    once."""
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
            except Exception:  # noqa: BLE001 - the converter fails on it as well, and reports it
                yield Seen(probe.options + 1)

    return probe.add_up(seen(), opened.label_names(probe.field))


def _base(item: Input, name: str, evidence: Evidence, said: int | None) -> IndexBase | None:
    """Where the file counts from; None if that is open. The user decides only what the file leaves
    open: overruling a 0 or a 4 would change every answer in the file."""
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
