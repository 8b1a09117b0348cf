"""A prompt with its replies, and replies to those: Open Assistant's trees, nested or as rows.

A conversation is a path from the prompt to an answer. The best path takes the reply of the best
rank at each step; where ranks are missing, the first. What is on no path is rejected by itself,
with all that upstream says of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..schema import ASSISTANT, USER, Draft, Message, Reason, Record, Reject, to_json
from .context import conversation
from .fields import is_empty, leftover
from .layout import Layout, LayoutExample, LayoutOptions

_ID, _PARENT, _TEXT, _REPLIES, _ROOT = "message_id", "parent_id", "text", "replies", "prompt"
_ON_PATH = "messages"
"""The metadata with what upstream says of each message on the path."""
_MOST = 100_000
"""Messages on all paths of a tree. Paths share their beginnings, so that there can be many more
than the tree has."""


_OFF = Reject(Reason.NOT_ON_PATH, "another reply is on the path")
_LOST = Reject(Reason.LOST_CONTEXT, "the message before it is not among the rows beside it")
_UNCLEAR = Reject(Reason.UNEXPECTED_SHAPE, "two messages have the id of the one before it")


@dataclass
class _Node:
    """A message of a tree, and the row that it is in."""

    said: Mapping[str, Any]
    record: int = 0
    parent: _Node | None = None
    depth: int = 1
    children: list[_Node] = field(default_factory=list)
    message: Message | None = None
    """None where it cannot be read."""

    def is_answer(self) -> bool:
        return self.message is not None and self.message.role == ASSISTANT


def _fits(record: Record, options: LayoutOptions) -> bool:
    return _root(record) is not None or is_row(record)


def _root(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The prompt of a nested tree."""
    root = record.get(_ROOT)
    said = root if isinstance(root, dict) else record
    if _TEXT in said and isinstance(said.get(_REPLIES), list):
        return said
    return None


def is_row(record: Mapping[str, Any]) -> bool:
    """Whether a record is one message of a tree."""
    return _ID in record and _PARENT in record and _TEXT in record and "role" in record


def _read(record: Record, options: LayoutOptions) -> list[Draft | Reject]:
    said = _root(record)
    if said is None:
        return convert_run([record], options)
    root = _nested(said, options)
    paths = _paths(root, options)
    if isinstance(paths, Reject):
        return [paths]
    on_path = {id(node) for path in paths for node in path}
    off = [_off_path(node) for node in _walk(root) if id(node) not in on_path]
    used = (_ROOT,) if said is record.get(_ROOT) else tuple(said)
    return [*(_draft(path, used) for path in paths), *off]


def convert_run(records: Sequence[Record], options: LayoutOptions) -> list[Draft | Reject]:
    """The conversations in neighbouring rows of one tree. A row that is on no path is a Reject of
    its record. All that rows on a path say is in the draft.

    >>> rows = [{"message_id": "1", "parent_id": None, "role": "prompter", "text": "Hi"},
    ...         {"message_id": "2", "parent_id": "1", "role": "assistant", "text": "Hello."}]
    >>> convert_run(rows, LayoutOptions())[0].records
    (0, 1)
    """
    nodes = [_node(record, at, options) for at, record in enumerate(records)]
    found: list[Draft | Reject] = []
    reasons = {node.record: _LOST for node in nodes}
    named = Counter(str(node.said.get(_ID)) for node in nodes)
    for root in _linked(nodes, named):
        tree = list(_walk(root))
        for node in tree:
            node.depth = node.parent.depth + 1 if node.parent else 1
        paths = _without_parent(root, named) or _paths(root, options)
        if isinstance(paths, Reject):
            reasons |= {node.record: paths for node in tree}
            continue
        reasons |= {node.record: _OFF for node in tree}
        found += [_draft(path, (), tuple(node.record for node in path)) for path in paths]
    taken = {at for item in found if isinstance(item, Draft) for at in item.records}
    return found + [reason._replace(record=at) for at, reason in reasons.items() if at not in taken]


def _linked(nodes: Sequence[_Node], named: Mapping[str, int]) -> list[_Node]:
    """The nodes without a parent among the others, after all have been linked to theirs. `named`
    is how many have each id; one that several have names no parent."""
    alone = {name: node for node in nodes if named[name := str(node.said.get(_ID))] == 1}
    roots = []
    for node in nodes:
        parent = node.said.get(_PARENT)
        above = None if is_empty(parent) else alone.get(str(parent))
        if above is None or above is node:
            roots.append(node)
            continue
        node.parent = above
        above.children.append(node)
    return roots


def _without_parent(root: _Node, named: Mapping[str, int]) -> Reject | None:
    """Why a root has no parent although it names one."""
    parent = root.said.get(_PARENT)
    if is_empty(parent):
        return None
    return _UNCLEAR if named.get(str(parent), 0) > 1 else _LOST


def _nested(said: Mapping[str, Any], options: LayoutOptions) -> _Node:
    """The tree of a nested prompt."""
    root = _node(said, 0, options)
    waiting = [root]
    while waiting:
        node = waiting.pop()
        replies = node.said.get(_REPLIES) if isinstance(node.said, dict) else None
        for reply in replies if isinstance(replies, list) else ():
            child = _node(reply, 0, options)
            child.parent, child.depth = node, node.depth + 1
            node.children.append(child)
        waiting += node.children
    return root


def _node(said: Any, record: int, options: LayoutOptions) -> _Node:
    if not isinstance(said, dict):
        return _Node({_TEXT: said}, record)
    if said.get("deleted") is True:
        return _Node(said, record)
    entry = {"role": said.get("role"), "content": said.get(_TEXT)}
    read = conversation({}, [entry], "messages", options)
    item = None if isinstance(read, Reject) else read.messages[0]
    return _Node(said, record, message=item if isinstance(item, Message) else None)


def _walk(root: _Node) -> Iterator[_Node]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(node.children)


def _paths(root: _Node, options: LayoutOptions) -> list[list[_Node]] | Reject:
    """The paths that the options ask for, each from the prompt to an answer; a Reject where none
    ends with one."""
    if root.message is None or root.message.role != USER:
        return Reject(Reason.NO_PROMPT, "the first message of the tree is not a prompt")
    leading = _leading(root)
    if id(root) not in leading:
        return Reject(Reason.NO_ANSWER, "a prompt without an answer")
    if options.paths == "best":
        return [_up(_best(root, leading))]
    ends = [node for node in _walk(root) if id(node) in leading and not _next(node, leading)]
    if sum(node.depth for node in ends) > _MOST:
        return Reject(Reason.UNEXPECTED_SHAPE, f"more than {_MOST} messages on the paths")
    return [_up(end) for end in ends]


def _leading(root: _Node) -> set[int]:
    """Answers that can be reached from the prompt, and prompts that lead to one."""
    reached, waiting = [], [root]
    while waiting:
        node = waiting.pop()
        reached.append(node)
        waiting += _in_turn(node)
    found: set[int] = set()
    for node in reversed(reached):
        if node.is_answer() or _next(node, found):
            found.add(id(node))
    return found


def _next(node: _Node, leading: set[int]) -> list[_Node]:
    """The replies that lead to an answer."""
    return [child for child in _in_turn(node) if id(child) in leading]


def _in_turn(node: _Node) -> list[_Node]:
    """The replies of the other side."""
    wanted = USER if node.is_answer() else ASSISTANT
    return [child for child in node.children if child.message and child.message.role == wanted]


def _best(root: _Node, leading: set[int]) -> _Node:
    """The end of the path that takes the best reply of those that lead to an answer."""
    node = root
    while replies := _next(node, leading):
        node = min(replies, key=_rank)
    return node


def _rank(node: _Node) -> tuple[bool, float]:
    rank = node.said.get("rank")
    if isinstance(rank, int | float) and rank == rank and not isinstance(rank, bool):
        return False, rank
    return True, 0.0


def _up(node: _Node) -> list[_Node]:
    """The path from the prompt to a node."""
    path: list[_Node] = []
    at: _Node | None = node
    while at is not None:
        path.append(at)
        at = at.parent
    return path[::-1]


def _draft(path: Sequence[_Node], used: Collection[str], records: tuple[int, ...] = (0,)) -> Draft:
    messages = tuple(node.message for node in path if node.message)
    name = path[0].said.get(_ID)
    named = name if isinstance(name, str) and name.strip() else None
    left = [leftover(node.said, ("role", _TEXT, _REPLIES)) for node in path]
    metadata = {_ON_PATH: left} if any(left) else {}
    return Draft(messages, id=named, used=used, records=records, metadata=metadata)


def _off_path(node: _Node) -> Reject:
    """A message of a nested tree that is on no path, with what upstream says of it."""
    raw = {key: value for key, value in node.said.items() if key != _REPLIES}
    role = node.message.role if node.message else "unknown"
    return _OFF._replace(message=Message(role, to_json(raw)))


def _said(role: str, text: str, *replies: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"role": role, "text": text, **more, "replies": list(replies)}


TREE = Layout(
    "tree",
    "A prompt with replies, and replies to those, nested or one message a record.",
    {
        "prompt": (_ROOT,),
        "text": (_TEXT,),
        "role": ("role",),
        "replies": (_REPLIES,),
        "message_id": (_ID,),
        "parent_id": (_PARENT,),
    },
    _fits,
    _read,
    (
        LayoutExample(
            {
                "message_tree_id": "t1",
                "prompt": _said(
                    "prompter",
                    "Name a tree.",
                    _said("assistant", "A bush.", rank=1),
                    _said(
                        "assistant",
                        "An oak.",
                        _said("prompter", "Another?", _said("assistant", "A beech.")),
                        rank=0,
                    ),
                ),
            },
            (
                (
                    ("user", "Name a tree."),
                    ("assistant", "An oak."),
                    ("user", "Another?"),
                    ("assistant", "A beech."),
                ),
                Reason.NOT_ON_PATH,
            ),
        ),
        LayoutExample(
            {
                "prompt": _said(
                    "prompter",
                    "Name a tree.",
                    _said("assistant", "An oak."),
                    _said("assistant", "A beech."),
                )
            },
            (
                (("user", "Name a tree."), ("assistant", "An oak.")),
                (("user", "Name a tree."), ("assistant", "A beech.")),
            ),
            LayoutOptions(paths="all"),
        ),
        LayoutExample({"prompt": _said("prompter", "Name a tree.")}, (Reason.NO_ANSWER,)),
        LayoutExample(
            {"message_id": "2", "parent_id": "1", "role": "assistant", "text": "An oak."},
            (Reason.LOST_CONTEXT,),
        ),
    ),
)
