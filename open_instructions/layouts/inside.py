"""Fields one level inside a record: what logs of requests wrap around a conversation.

{"request": {"messages": […], "tools": […]}, "response": {"role": "assistant", "content": "Hi."}}
{"inputs": {"question": "Why?"}, "outputs": {"answer": "So."}}
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from ..schema import Record
from .embedded import holds_objects
from .fields import is_empty
from .mapping import Fields

_ASKED = ("input", "inputs", "request", "body", "data", "fields")
_ANSWERED = ("output", "outputs", "response")
WRAPPERS = (*_ASKED, *_ANSWERED)
"""Fields with an object that has the conversation, or half of it, in it."""
CHOICES = "choices"
KWARGS = "chat_template_kwargs"
_OF_KWARGS = {
    "custom_instructions": "system",
    "tools": "tools",
    "xml_tools": "tools",
    "python_tools": "functions",
}
"""What chat templates are given beside the messages, and what it is in a layout."""
_ANSWER, _INSTRUCTIONS = "completion", "instructions"
_MESSAGES = "messages"


def of_template(record: Record) -> Fields:
    """The fields of a record that are in what it gives to the chat template, or in what OpenAI's
    interface is given as instructions.

    >>> of_template({"chat_template_kwargs": {"custom_instructions": "Be brief.", "tools": []}})
    (('system', 'chat_template_kwargs.custom_instructions'),)
    """
    given = record.get(KWARGS)
    found: dict[str, str] = {}
    if _is_response(record) and "system" not in record:
        found["system"] = _INSTRUCTIONS
    given = given if isinstance(given, dict) else {}
    for name, canonical in _OF_KWARGS.items():
        if not is_empty(given.get(name)) and canonical not in record:
            found.setdefault(canonical, f"{KWARGS}.{name}")
    return tuple(found.items())


def _is_response(record: Record) -> bool:
    """Whether a record is a response of OpenAI's with what was asked: its output is a list of items
    and its instructions are the system prompt."""
    items = record.get("output")
    if not isinstance(items, list) or not isinstance(record.get(_INSTRUCTIONS), str):
        return False
    return bool(items) and isinstance(items[0], dict) and "type" in items[0]


def of_request(record: Record) -> Fields:
    """The fields of a record whose messages are in the object of a request, as in `{"input":
    {"messages": …}}`; those of any other record are where they are."""
    if _MESSAGES in record:
        return _choice(record, "")
    asked = (record.get(name) for name in _ASKED)
    if not any(isinstance(each, dict) and holds_objects(each.get(_MESSAGES)) for each in asked):
        return ()
    return unwrapped(record, (_MESSAGES, "system", "tools", "functions"))


def unwrapped(record: Record, known: Collection[str]) -> Fields:
    """Known fields that are inside of the objects of a record; none if two objects have the same.

    >>> unwrapped({"inputs": {"question": "Why?"}, "outputs": {"answer": "So."}},
    ...           ("question", "answer"))
    (('question', 'inputs.question'), ('answer', 'outputs.answer'))
    """
    found: dict[str, str] = {}
    for name, where in _inside(record, known):
        if name in record and name not in WRAPPERS:
            continue
        if name in found:
            return ()
        found[name] = where
    return tuple(found.items())


def _inside(record: Record, known: Collection[str]) -> Iterator[tuple[str, str]]:
    for wrapper in WRAPPERS:
        inner = record.get(wrapper)
        if not isinstance(inner, dict):
            continue
        if wrapper in _ANSWERED and "role" in inner and "content" in inner:
            yield _ANSWER, wrapper
            continue
        body = inner.get("body")
        if isinstance(body, dict):
            yield from _choice(body, f"{wrapper}.body.")
        yield from _choice(inner, f"{wrapper}.")
        yield from ((name, f"{wrapper}.{name}") for name in inner if name in known)


def _choice(completion: dict[str, Any], where: str) -> Fields:
    """The one message of a completion, as OpenAI's interface returns it."""
    choices = completion.get(CHOICES)
    if not isinstance(choices, list) or len(choices) != 1 or _ANSWER in completion:
        return ()
    if not isinstance(choices[0], dict) or not isinstance(choices[0].get("message"), dict):
        return ()
    return ((_ANSWER, f"{where}{CHOICES}.0.message"),)
