"""The messages of ChatGPT's export: a tree of nodes, of which one path is the conversation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import shown
from ..schema import SYSTEM, TOOL, Reason, Reject, is_blank
from .fields import kind

_EVERYBODY = (None, "", "all")
"""The recipients of a message that is not a call."""
_THOUGHTS, _RECAP = "thoughts", "reasoning_recap"
_EDITABLE = {
    "user_editable_context": ("user_profile", "user_instructions"),
    "model_editable_context": ("model_set_context",),
}
"""What people, and ChatGPT's memory, say before each conversation."""


class Node(NamedTuple):
    """The entry of a list of messages that a node stands for, if it does for one, and what else is
    in it."""

    entry: dict[str, Any] | None
    left: dict[str, Any]


def path_to(nodes: Mapping[str, Any], last: Any) -> list[str] | Reject:
    """The ids of the nodes on the path from the first to the last one."""
    path: list[str] = []
    seen: set[str] = set()
    while last is not None:
        if not isinstance(last, str) or last not in nodes or last in seen:
            return Reject(Reason.UNEXPECTED_SHAPE, f"no path leads over the node {shown(last)}")
        seen.add(last)
        path.append(last)
        last = nodes[last]["parent"]
    return path[::-1]


def read_node(node: Mapping[str, Any]) -> Node | Reject:
    """What a node says. A Reject of the record for calls, their results and what is not text."""
    message = node["message"]
    if message is None:
        return Node(None, dict(node))
    author = message.get("author") if isinstance(message, dict) else None
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(author, dict) or not isinstance(content, dict):
        return Reject(Reason.UNEXPECTED_SHAPE, "a node without an author or a content")
    role, to = author.get("role"), message.get("recipient")
    if role == TOOL or to not in _EVERYBODY:
        what = f"a call of {shown(to)}" if role != TOOL else f"a result of {shown(_name(author))}"
        return Reject(Reason.TOOL_CALL, what)
    said = _said(content)
    if isinstance(said, Reject):
        return said
    text, used = said
    left = {key: value for key, value in content.items() if key not in used}
    rest = Node(None, {**node, "message": {**message, "content": left}})
    if content.get("content_type") in _EDITABLE:
        role = SYSTEM
    if text is None or (role == SYSTEM and is_blank(text)):
        return rest
    key = "thought" if content.get("content_type") == _THOUGHTS else "content"
    return rest._replace(entry={"role": role, key: text})


def _name(author: Mapping[str, Any]) -> Any:
    return author.get("name") or "a tool"


def _said(content: Mapping[str, Any]) -> tuple[str | None, tuple[str, ...]] | Reject:
    """The text of a content, None if it has none, and the fields that it is in."""
    type_ = content.get("content_type")
    if type_ == _RECAP:
        return None, ()
    if type_ in _EDITABLE:
        fields = _EDITABLE[type_]
        return _joined([content.get(name) or "" for name in fields], fields, "\n\n")
    if type_ == _THOUGHTS:
        thoughts = content.get(_THOUGHTS)
        listed = thoughts if isinstance(thoughts, list) else [thoughts]
        texts = [each.get("content") if isinstance(each, dict) else each for each in listed]
        return _joined(texts, (), "\n\n")
    parts = content.get("parts")
    if not isinstance(parts, list):
        return Reject(Reason.UNEXPECTED_SHAPE, f"a content of type {shown(type_)}")
    return _joined(parts, ("parts",), "")


def _joined(
    texts: list[Any], used: tuple[str, ...], between: str
) -> tuple[str, tuple[str, ...]] | Reject:
    wrong = next((text for text in texts if not isinstance(text, str)), None)
    if wrong is not None or None in texts:
        return Reject(Reason.UNSUPPORTED_MODALITY, f"a part that is {kind(wrong)}")
    return between.join(text for text in texts if text), used
