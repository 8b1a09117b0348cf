"""Known damage in raw records: runs the rules on records from the source's own file. Rules on
messages run later, see `defects`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..catalogue import Rule
from ..schema import Record, Reject
from .definition import STOPS, About, Definition, failed


@dataclass(frozen=True)
class Options:
    """rules_off  rules not to run, as `source.rule`"""

    rules_off: tuple[str, ...] = ()


class Repaired(NamedTuple):
    """A record after the rules, and the names of those that changed it."""

    record: Record
    edits: tuple[str, ...]


class RecordRules:
    """The stage. A record on which the code of a rule fails is a Reject `stage_failed`."""

    name = "record_rules"

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = [rule for rule in rules if rule.on == "record"]

    def __call__(self, record: Record) -> Repaired | Reject:
        edits: list[str] = []
        for rule in self._rules:
            result = _applied(rule, record)
            if isinstance(result, Reject):
                return result
            if result is not record:
                record = result
                edits.append(rule.name)
        return Repaired(record, tuple(edits))


def _applied(rule: Rule, record: Record) -> Record | Reject:
    try:
        result = rule.apply(record)
        if not isinstance(result, Reject | dict):
            kind = type(result).__name__
            raise TypeError(f"a rule returns a record or a Reject, not {kind}")
    except STOPS:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - code of a source
        return failed(f"Rule {rule.name}", error)
    return result


def _make(options: Options, about: About) -> RecordRules:
    return RecordRules(about.rules)


DEFINITION = Definition(RecordRules.name, Options, (), _make, takes="record")
