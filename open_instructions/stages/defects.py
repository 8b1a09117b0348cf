"""Known damage: runs the rules from the source's own file, and names each rule that changed
something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..catalogue import Rule
from ..schema import Conversation, Message, Reason, Reject
from .definition import About, Definition
from .structure import replace_content


@dataclass(frozen=True)
class Options:
    """rules_off  rules not to run, as `source.rule`"""

    rules_off: tuple[str, ...] = ()


class Defects:
    """The stage, for rules on messages. Rules on raw records run before the converter, see
    `drafting`."""

    name = "defects"

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = [r for r in rules if r.on == "messages"]

    def __call__(self, conversation: Conversation) -> list[Conversation | Reject]:
        items: list[Message | Reject] = list(conversation.messages)
        edits: list[str] = []
        for rule in self._rules:
            given = tuple([item for item in items if isinstance(item, Message)])
            result = rule.apply(given)
            if result is given:
                continue
            items = _with_rejects(items, result)
            edits.append(rule.name)
        if not edits:
            return [conversation]
        results = replace_content(conversation, items, edits)
        rejects = [item for item in items if isinstance(item, Reject)]
        if rejects and isinstance(results[0], Reject):
            return [rejects[0]._replace(message=None)]
        return [*results, *rejects]


def _with_rejects(
    before: Sequence[Message | Reject], result: Sequence[Message | Reject]
) -> list[Message | Reject]:
    """A rule's result, with the rejects of earlier rules back in their places. If a rule returns a
    different number of items, the places are unknown and the rejects go to the end.
    """
    refused = [item for item in before if isinstance(item, Reject)]
    if len(result) + len(refused) != len(before):
        return [*result, *refused]
    new = iter(result)
    return [item if isinstance(item, Reject) else next(new) for item in before]


def _make(options: Options, about: About) -> Defects:
    return Defects(about.rules)


DEFINITION = Definition(
    Defects.name,
    Options,
    (Reason.EXPORT_BANNER, Reason.PLACEHOLDER),
    _make,
)
