"""Conversations as chat services export them: ChatGPT's tree of messages, Claude's list, the chunks
of Google's AI Studio.

{"mapping": {"1": {"message": {…}, "parent": null, …}, …}, "current_node": "2"}
{"chat_messages": [{"sender": "human", "text": "Hi"}, {"sender": "assistant", "text": "Hello."}]}
{"chunkedPrompt": {"chunks": [{"role": "user", "text": "Hi"}, {"role": "model", "text": "Hello."}]}}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from ..errors import shown
from ..schema import ASSISTANT, SYSTEM, Draft, Message, Reason, Record, Reject, to_json
from .beside import REASONING
from .chats import read_list
from .fields import is_empty, leftover
from .layout import Layout, LayoutExample, LayoutOptions
from .nodes import Node, path_to, read_node

_MAPPING, _CURRENT = "mapping", "current_node"
_MESSAGES = "chat_messages"
_CHUNKED, _CHUNKS = "chunkedPrompt", "chunks"
_INSTRUCTION = "systemInstruction"
_BESIDE = ("attachments", "files", "files_v2")
"""What people added to a message of Claude's."""
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_OFF = Reject(Reason.NOT_ON_PATH, "the conversation went on from another message")
_SAID = ("role", "text", "isThought")


def _fits(record: Record, options: LayoutOptions) -> bool:
    return _nodes(record) is not None or _sent(record) is not None or _chunks(record) is not None


def _nodes(record: Record) -> dict[str, Any] | None:
    """ChatGPT's messages by their ids."""
    nodes = record.get(_MAPPING)
    if not isinstance(nodes, dict) or _CURRENT not in record:
        return None
    is_tree = all(isinstance(n, dict) and "message" in n and "parent" in n for n in nodes.values())
    return nodes if nodes and is_tree else None


def _sent(record: Record) -> list[dict[str, Any]] | None:
    """Claude's messages."""
    return _objects(record.get(_MESSAGES), "sender")


def _chunks(record: Record) -> list[dict[str, Any]] | None:
    """The messages of AI Studio."""
    prompt = record.get(_CHUNKED)
    return _objects(prompt.get(_CHUNKS), "role") if isinstance(prompt, dict) else None


def _objects(value: Any, key: str) -> list[dict[str, Any]] | None:
    is_list = isinstance(value, list) and bool(value)
    return value if is_list and all(isinstance(v, dict) and key in v for v in value) else None


def _read(record: Record, options: LayoutOptions) -> Sequence[Draft | Reject]:
    nodes = _nodes(record)
    if nodes is not None:
        return _read_nodes(record, nodes, options)
    sent = _sent(record)
    if sent is not None:
        return [_read_sent(record, sent, options)]
    return [_read_chunks(record, _chunks(record) or [], options)]


def _read_nodes(
    record: Record, nodes: dict[str, Any], options: LayoutOptions
) -> list[Draft | Reject]:
    path = path_to(nodes, record[_CURRENT])
    if isinstance(path, Reject):
        return [path]
    read: list[Node] = []
    for name in path:
        node = read_node(nodes[name])
        if isinstance(node, Reject):
            return [node]
        read.append(node)
    draft = _conversation(_MAPPING, [node.entry for node in read if node.entry], options)
    if isinstance(draft, Reject):
        return [draft]
    metadata = {_MAPPING: [node.left for node in read]}
    off = [_off_path(name, node) for name, node in nodes.items() if name not in set(path)]
    return [replace(draft, used=(_MAPPING,), metadata=metadata), *off]


def _off_path(name: str, node: dict[str, Any]) -> Reject:
    return _OFF._replace(message=Message("unknown", to_json({name: node})))


def _conversation(
    name: str,
    entries: Sequence[dict[str, Any]],
    options: LayoutOptions,
    beside: Mapping[str, Any] = _NOTHING,
) -> Draft | Reject:
    """The conversation of entries. System prompts at its beginning are one, and what was thought is
    part of what is said next."""
    system: list[str] = []
    thoughts: list[str] = []
    turns: list[dict[str, Any]] = []
    for entry in entries:
        if entry["role"] == SYSTEM and not turns:
            system.append(entry["content"])
        elif "thought" in entry:
            thoughts.append(entry["thought"])
        elif thoughts and entry["role"] == ASSISTANT:
            turns.append({**entry, REASONING: "\n\n".join(thoughts)})
            thoughts = []
        else:
            turns.append(entry)
    if thoughts:
        return Reject(Reason.NO_ANSWER, "a thought without an answer behind it")
    said = {SYSTEM: "\n\n".join(system)} if system else {}
    return read_list({**beside, **said}, name, turns, options)


def _read_sent(
    record: Record, sent: list[dict[str, Any]], options: LayoutOptions
) -> Draft | Reject:
    for message in sent:
        added = next((name for name in _BESIDE if not is_empty(message.get(name))), "")
        if added:
            return Reject(Reason.LOST_CONTEXT, f"a message with {added}")
    return read_list(record, _MESSAGES, [_of_claude(message) for message in sent], options)


def _of_claude(message: dict[str, Any]) -> dict[str, Any]:
    """A message as an entry. Its `text` is what its parts say once more."""
    parts = message.get("content")
    without = {name: value for name, value in message.items() if name != "text"}
    if not isinstance(parts, list) or not parts:
        return {**without, "content": message.get("text")}
    texts = [str(part.get("text", "")) for part in parts if isinstance(part, dict)]
    if message.get("text") in ("", "".join(texts), "\n\n".join(texts)):
        return without
    return message


def _read_chunks(
    record: Record, chunks: list[dict[str, Any]], options: LayoutOptions
) -> Draft | Reject:
    entries: list[dict[str, Any]] = []
    for chunk in chunks:
        text = chunk.get("text")
        if not isinstance(text, str):
            return Reject(Reason.UNSUPPORTED_MODALITY, f"a chunk of {shown(sorted(chunk)[0])}")
        thought = chunk.get("isThought") is True
        role = "assistant" if chunk["role"] == "model" else str(chunk["role"])
        entries.append({"role": role, "thought" if thought else "content": text})
    given = record.get(_INSTRUCTION)
    parts = given["parts"] if isinstance(given, dict) and "parts" in given else given
    beside = {} if is_empty(given) else {"system_instruction": parts}
    draft = _conversation(_CHUNKED, entries, options, beside)
    if isinstance(draft, Reject):
        return draft
    left = [leftover(chunk, _SAID) for chunk in chunks]
    about = leftover(record[_CHUNKED], (_CHUNKS,))
    metadata = {_CHUNKED: {**about, **({_CHUNKS: left} if any(left) else {})}}
    if isinstance(given, dict) and (others := leftover(given, ("parts",))):
        metadata[_INSTRUCTION] = others
    return replace(draft, used=(_CHUNKED, _INSTRUCTION), metadata=metadata)


def _turn(role: str, name: str, text: str) -> dict[str, Any]:
    content = {"content_type": "text", "parts": [text]}
    return {"message": {"author": {"role": role}, "content": content}, "parent": name or None}


EXPORT = Layout(
    "export",
    "A conversation as ChatGPT, Claude or Google's AI Studio exports it.",
    {
        "mapping": (_MAPPING,),
        "current_node": (_CURRENT,),
        "chat_messages": (_MESSAGES,),
        "chunkedPrompt": (_CHUNKED,),
        "systemInstruction": (_INSTRUCTION,),
    },
    _fits,
    _read,
    (
        LayoutExample(
            {
                "mapping": {
                    "1": _turn("user", "", "Name a bird."),
                    "2": _turn("assistant", "1", "A bat."),
                    "3": _turn("assistant", "1", "A wren."),
                },
                "current_node": "3",
            },
            ((("user", "Name a bird."), ("assistant", "A wren.")), Reason.NOT_ON_PATH),
        ),
        LayoutExample(
            {
                "chat_messages": [
                    {"sender": "human", "text": "Name a bird."},
                    {"sender": "assistant", "text": "A wren."},
                ]
            },
            ((("user", "Name a bird."), ("assistant", "A wren.")),),
        ),
        LayoutExample(
            {
                "systemInstruction": {"parts": [{"text": "Be brief."}]},
                "chunkedPrompt": {
                    "chunks": [
                        {"role": "user", "text": "Name a bird."},
                        {"role": "model", "text": "One that sings?", "isThought": True},
                        {"role": "model", "text": "A wren."},
                    ]
                },
            },
            ((("system", "Be brief."), ("user", "Name a bird."), ("assistant", "A wren.")),),
        ),
        LayoutExample(
            {
                "chat_messages": [
                    {
                        "sender": "human",
                        "text": "Read it.",
                        "attachments": [{"file_name": "a.txt"}],
                    },
                    {"sender": "assistant", "text": "I have."},
                ]
            },
            (Reason.LOST_CONTEXT,),
        ),
    ),
)
