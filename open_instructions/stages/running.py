"""A stage run over many conversations. Where its code fails on one, that one is a reject."""

from __future__ import annotations

from ..schema import Conversation, Reject
from .definition import STOPS, BatchStage, Stage, failed


def outcomes(
    stage: Stage | BatchStage, before: list[Conversation]
) -> list[list[Conversation | Reject]]:
    """A stage's result for each conversation: a reject if its code fails."""
    if not isinstance(stage, BatchStage):
        return [_alone(stage, conversation) for conversation in before]
    try:
        return stage.batch(before)
    except STOPS:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is one record's
        if len(before) == 1:
            return [[failed(f"Stage {stage.name}", error)]]
    # in halves, to see which ones it was: the others get the results that they would get alone
    half = len(before) // 2
    return outcomes(stage, before[:half]) + outcomes(stage, before[half:])


def _alone(stage: Stage, conversation: Conversation) -> list[Conversation | Reject]:
    try:
        return stage(conversation)
    except STOPS:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is one record's
        return [failed(f"Stage {stage.name}", error)]
