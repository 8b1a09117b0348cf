"""What a converter hands over, checked where it is handed over.

A record that nobody accounts for would be lost, and one in a draft and in a reject would be twice.
Raises TypeError or ValueError for both, and for values that are none of a draft.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .message import is_json, wrong_fields
from .preference import PreferenceDraft, check_scores, messages_of
from .schema import ASSISTANT, SYSTEM, TOOL, USER, Draft, Reason, Reject

_ROLES = (SYSTEM, USER, ASSISTANT, TOOL)


def check_contract(produced: Sequence[Any], records: int) -> None:
    """Raises TypeError or ValueError if the output for this many records breaks the converter's
    contract: each record is in one Draft or several, or in exactly one record-level Reject."""
    seen: list[int] = []
    drafted: set[int] = set()
    for item in produced:
        if isinstance(item, Draft | PreferenceDraft):
            _check_draft(item, records)
            seen += [index for index in item.records if index not in drafted]
            drafted.update(item.records)
        elif isinstance(item, Reject):
            _check_reject(item, records)
            if item.message is None:
                seen.append(item.record)
        else:
            raise TypeError(
                f"a converter yields Draft, PreferenceDraft and Reject, not {type(item).__name__}"
            )
    if len(seen) != records or (records > 1 and sorted(seen) != list(range(records))):
        raise ValueError(f"it accounts for records {sorted(seen)} of {records}")


def _check_draft(draft: Draft | PreferenceDraft, records: int) -> None:
    if isinstance(draft, PreferenceDraft):
        check_scores(draft)
    for message in messages_of(draft):
        if isinstance(message, Reject):
            _check_reject(message, records)
            if message.message is None or isinstance(draft, PreferenceDraft):
                raise ValueError("a Reject among the messages has no message, or is in a pair")
        elif message.role not in _ROLES or not isinstance(message.content, str):
            raise ValueError(
                f"a message from {message.role!r} with a {type(message.content).__name__}"
            )
        elif message.fields and (wrong := wrong_fields(message)):
            raise ValueError(f"a message in which {wrong}")
    if draft.tools and not all(isinstance(t, dict) and is_json(t) for t in draft.tools):
        raise ValueError("tools that are not objects of JSON")
    for value in _labels(draft):
        if value is not None and not isinstance(value, str):
            raise TypeError(f"{value!r} in a Draft is not text")
    if type(draft.metadata) is not dict and not isinstance(draft.metadata, Mapping):
        raise TypeError(f"metadata is a {type(draft.metadata).__name__}, not a mapping")
    if draft.records != (0,) and (
        not draft.records or not all(0 <= index < records for index in draft.records)
    ):
        raise ValueError(f"a Draft of records {draft.records}")
    if len(set(draft.records)) != len(draft.records):
        raise ValueError(f"a Draft of records {draft.records}")


def _labels(draft: Draft | PreferenceDraft) -> tuple[str | None, ...]:
    if isinstance(draft, Draft):
        return (draft.id, draft.task, draft.engine, draft.license)
    engines = (draft.chosen_engine, draft.rejected_engine)
    return (draft.id, draft.task, *engines, draft.license, draft.score_name, draft.judge)


def _check_reject(item: Reject, records: int) -> None:
    Reason(item.reason)
    if not isinstance(item.detail, str) or not 0 <= item.record < records:
        raise ValueError(f"a Reject with detail {item.detail!r} for record {item.record}")
    if item.message is not None and not (
        isinstance(item.message.role, str) and isinstance(item.message.content, str)
    ):
        raise TypeError("a Reject for a message that is not text")
