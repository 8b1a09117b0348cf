"""Records of one prompt and one answer, whatever their fields are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..schema import ASSISTANT, USER, Draft, Reason, Record, Reject
from .behind import with_thought
from .context import BESIDE, Entries, conversation, earlier_turns, is_chat, opened_chat
from .fields import as_text, instruction_pair, is_empty, question
from .layout import LayoutOptions
from .transcript import opened_prompt
from .turns import without_end


def answered(
    record: Record,
    prompts: Sequence[str],
    answer: str,
    options: LayoutOptions,
    *,
    opens: bool = False,
) -> Draft | Reject:
    """A conversation of earlier turns, if there are some, a prompt and its answer.

    prompts  fields of the prompt, and of what it is about; texts are joined with a blank line
    answer   the field of the answer
    opens    whether the prompt may hold several messages, as a list or as a transcript
    """
    asked = record.get(prompts[0])
    several = opens and not (isinstance(asked, str) and not _is_more(asked))
    if not several and BESIDE.isdisjoint(record):  # as most are
        return instruction_pair(record, prompt=prompts, answer=answer)
    if is_empty(record.get(answer)):
        return Reject(Reason.NO_ANSWER, "a prompt without an answer")
    before = earlier_turns(record)
    if isinstance(before, Reject):
        return before
    entries: Entries = [*before.entries]
    asks = asked_entries(record, prompts) if several else text_entries(record, prompts)
    if isinstance(asks, Reject):
        return asks
    said = answer_entries(record, answer)
    if several and isinstance(said, list) and isinstance(asked, str):
        said = [_without_end(asked, entry) for entry in said]
    if isinstance(said, Reject):
        return said
    said, thought = with_thought(said, record)
    entries += [*asks, *said]
    draft = conversation(record, entries, "messages", options)
    if isinstance(draft, Reject):
        return draft
    return replace(draft, used=(*prompts, answer, *thought, *before.used, *draft.used))


def _without_end(asked: str, entry: dict[str, Any]) -> dict[str, Any]:
    """An entry of the answer without the token that the template of its prompt puts behind it."""
    text = entry.get("content")
    if not isinstance(text, str) or opened_prompt(asked) is None:
        return entry
    return {**entry, "content": without_end(asked, text)}


def _is_more(prompt: str) -> bool:
    """Whether a prompt holds several messages."""
    return opened_prompt(prompt) is not None or opened_chat(prompt) is not prompt


def asked_entries(record: Record, prompts: Sequence[str]) -> Entries | Reject:
    """The entries of a prompt: a list of messages, a transcript up to the answer, or texts."""
    name, *about = prompts
    value = opened_chat(record.get(name))
    if is_chat(value):
        said: Entries = value
    elif isinstance(value, str) and (turns := opened_prompt(value)):
        said = turns
    else:
        return text_entries(record, prompts)
    return [*said, *({"role": USER, "content": text} for text in _texts(record, about))]


def text_entries(record: Record, prompts: Sequence[str]) -> Entries | Reject:
    """The entry of a prompt of texts."""
    if as_text(record.get(prompts[0])) is None:
        return Reject(Reason.UNEXPECTED_SHAPE, f"{prompts[0]} is neither text nor messages")
    return [{"role": USER, "content": question(*_texts(record, prompts))}]


def _texts(record: Record, names: Sequence[str]) -> list[str]:
    return [text for name in names if (text := as_text(record.get(name)))]


def answer_entries(record: Record, name: str) -> Entries | Reject:
    """The entries of an answer: a list of messages, one message, or a text."""
    value: Any = record.get(name)
    if isinstance(value, dict):
        value = [value]
    if is_chat(value):
        return list(value)
    text = as_text(value)
    if text is None:
        return Reject(Reason.UNEXPECTED_SHAPE, f"{name} is neither text nor messages")
    return [{"role": ASSISTANT, "content": value}]
