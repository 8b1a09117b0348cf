"""Known damage: runs the rules that stand in the source's own file, and names each one that changed something."""

from __future__ import annotations

from collections.abc import Sequence

from ..catalogue import Rule
from ..errors import ConverterError
from ..schema import Conversation, Message, Record, Reject, replace_content


class Defects:
    """The stage, for rules on messages. Rules on raw records run before the converter, see `repair`."""

    name = "defects"

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = [r for r in rules if r.on == "messages"]

    def __call__(self, conversation: Conversation) -> list[Conversation | Reject]:
        messages: tuple[Message, ...] = conversation.messages
        edits: list[str] = []
        rejects: list[Reject] = []
        for rule in self._rules:
            result = rule.apply(messages)
            if result is messages:
                continue
            rejects += [item for item in result if isinstance(item, Reject)]
            messages = tuple(item for item in result if not isinstance(item, Reject))
            edits.append(rule.name)
        if not edits:
            return [conversation]
        results = replace_content(conversation, messages, edits)
        if rejects and isinstance(results[0], Reject):
            return [rejects[0]._replace(turn=None)]
        return [*results, *rejects]


def repair(record: Record, rules: Sequence[Rule]) -> tuple[Record, tuple[str, ...]] | Reject:
    """Run the rules on one raw record: the record to convert and the names of the rules that changed it, or a Reject."""
    edits: list[str] = []
    for rule in rules:
        result = rule.apply(record)
        if result is record:
            continue
        if isinstance(result, Reject):
            return result
        if not isinstance(result, dict):
            raise ConverterError(f"Rule {rule.name} returned {type(result).__name__}, not a record or a Reject.")
        record = result
        edits.append(rule.name)
    return record, tuple(edits)
