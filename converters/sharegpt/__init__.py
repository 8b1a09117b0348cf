"""ShareGPT-90K: conversations with ChatGPT that people shared, in the three forms that were
published.

    {"id": "QWJhYvA", "conversations": [
        {"from": "human", "value": "Hi"}, {"from": "gpt", "value": "<div …><p>Hello!</p></div>"}]}
    -> user: "Hi"   assistant: "Hello!"

`raw` holds the page's HTML for ChatGPT's messages and plain text for people's; `html_cleaned` and
`v3` hold Markdown. `v3` cut conversations into overlapping parts with ids like QWJhYvA_0 and
QWJhYvA_7. Neighbouring parts that fit are joined again (recipe: join_parts). A message that both
parts have is kept once, and a gap stays a gap."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from open_instructions.catalogue import Example, File, Hub, Rule, Source, Subset, Terms, Use, source
from open_instructions.layouts.messages import Chat, read_chat
from open_instructions.layouts.tools import Definitions, definitions
from open_instructions.schema import INVISIBLE, SYSTEM, Draft, Message, Reason, Record, Reject

from .damage import drop_page_chrome, refuse_banners, refuse_placeholders

_PART = re.compile(r"(.+)_(\d{1,6})")


def _part_of(record: Record) -> re.Match[str] | None:
    """Match the id of a part: the name of the whole conversation and the number of its first
    message."""
    name = record.get("id")
    if isinstance(name, str):
        return _PART.fullmatch(name)
    return None


def _run_key(record: Record) -> str | None:
    if match := _part_of(record):
        return match[1]
    return None


class _Part(NamedTuple):
    """One record that holds messages: the place of its first message in the whole conversation, if
    its id says so, and the record's index in the run."""

    start: int
    record: int
    system: str
    tools: Definitions
    chat: Chat


def _part(record: Record, index: int, html: bool) -> _Part | Reject:
    """The messages of one record, or a reject that says why it is not a conversation."""
    turns, name = record.get("conversations"), _name(record, None)
    if not isinstance(turns, list):
        return Reject(Reason.UNEXPECTED_SHAPE, "no list of conversations", record=index, id=name)
    if not turns:
        return Reject(Reason.EMPTY, "an empty list of conversations", record=index, id=name)
    tools = definitions(record)
    if isinstance(tools, Reject):
        return tools._replace(record=index, id=name)
    chat = read_chat(turns, record=index, html=html, has_tools=bool(tools.tools))
    if isinstance(chat, Reject):
        return chat._replace(id=name)
    if not any(isinstance(item, Message) for item in chat.items):
        wrong = "no message with text from a known sender"
        return Reject(Reason.UNEXPECTED_SHAPE, wrong, record=index, id=name)
    return _Part(_start(record), index, _system(record), tools, chat)


def _start(record: Record) -> int:
    if match := _part_of(record):
        return int(match[2])
    return 0


def _system(record: Record) -> str:
    system = record.get("system")
    if isinstance(system, str) and system.strip():
        return system
    return ""


def _name(record: Record, start: int | None) -> str | None:
    """The id of a conversation: upstream's, without the part number if the conversation is complete
    from its beginning."""
    name = record.get("id")
    if isinstance(name, int) and not isinstance(name, bool):
        return str(name)
    if not isinstance(name, str) or not name.strip(INVISIBLE + " "):
        return None
    if start == 0 and _PART.fullmatch(name):
        return name.rpartition("_")[0]
    return name


class _Whole:
    """A conversation while parts are joined to it."""

    def __init__(self, part: _Part) -> None:
        self.start, self.system, self.tools = part.start, part.system, part.tools
        self.items = list(part.chat.items)
        self.parts = [part]

    def overlap(self, part: _Part) -> int | None:
        """How many messages the part repeats; None if it does not continue this conversation."""
        overlap = self.start + len(self.items) - part.start
        if not 0 <= overlap <= min(len(part.chat.items), len(self.items)):
            return None
        if part.system not in ("", self.system) or part.tools.tools not in ([], self.tools.tools):
            return None
        mine, theirs = self.items[len(self.items) - overlap :], part.chat.items[:overlap]
        if list(map(_text, mine)) == list(map(_text, theirs)):
            return overlap
        return None

    def join(self, part: _Part, overlap: int) -> list[Reject]:
        """Join a part. Returns rejects for the messages that it repeats."""
        self.items += part.chat.items[overlap:]
        self.parts.append(part)
        return [_repeated(item, part.record) for item in part.chat.items[:overlap]]

    def draft(self, records: Sequence[Record], *, joins: bool) -> Draft:
        own = [records[part.record] for part in self.parts]
        model = _model(own)
        metadata: dict[str, Any] = {}
        if len(own) > 1:
            metadata["parts"] = [record.get("id") for record in own]
        left = [part.chat.left for part in self.parts]
        if any(left):
            metadata["conversations"] = left[0] if len(left) == 1 else left
        items = self.items
        if self.system:
            items = [Message(SYSTEM, self.system), *items]
        return Draft(
            items,
            id=_name(own[0], self.start if joins else None),
            engine=(model or "").strip() or _engine(self.parts),
            metadata=metadata,
            used=[*_used(own, model), *(self.tools.used if self.tools.tools else ())],
            records=tuple(part.record for part in self.parts),
            edits=tuple(dict.fromkeys(self._edits())),
            tools=self.tools.tools,
        )

    def _edits(self) -> Iterator[str]:
        yield from self.tools.edits
        for part in self.parts:
            yield from part.chat.edits


def _model(own: Sequence[Record]) -> str | None:
    """The model that all records name; None if they name none, or several."""
    models = [record.get("model") for record in own]
    if isinstance(models[0], str) and models == models[:1] * len(own):
        return models[0]
    return None


def _used(own: Sequence[Record], model: str | None) -> list[str]:
    used = ["conversations"]
    if all(_name(record, None) for record in own):
        used.append("id")
    if all(isinstance(record.get("system", ""), str) for record in own):
        used.append("system")
    if model:
        return [*used, "model"]
    return used


def _text(item: Message | Reject) -> Message | None:
    if isinstance(item, Reject):
        return item.message
    return item


def _repeated(item: Message | Reject, index: int) -> Reject:
    if isinstance(item, Reject):
        return item
    return Reject(Reason.REPEATED_TURN, "the part before ends with it", item, index)


def _engine(parts: Sequence[_Part]) -> str | None:
    """The model whose name is given as a sender, if it is not ChatGPT."""
    senders = {sender for part in parts for sender in part.chat.senders}
    return next((name for name in ("bing", "bard", "claude", "gemini") if name in senders), None)


def _convert(given: Record | list[Record], *, html: bool) -> Iterator[Draft | Reject]:
    """Convert one record, or all neighbouring parts of one conversation, joined where they fit."""
    records = given if isinstance(given, list) else [given]
    parts: list[_Part] = []
    for index, record in enumerate(records):
        found = _part(record, index, html)
        if isinstance(found, Reject):
            yield found
        else:
            parts.append(found)
    wholes: list[_Whole] = []
    for part in sorted(parts, key=lambda part: part[:2]):
        overlap = wholes[-1].overlap(part) if wholes else None
        if overlap is None:
            wholes.append(_Whole(part))
        else:
            yield from wholes[-1].join(part, overlap)
    for whole in wholes:
        yield whole.draft(records, joins=isinstance(given, list))


_COMMON: dict[str, Any] = {
    "fields": frozenset({"conversations"}),
    "engine": "chatgpt",
    "license": "LicenseRef-ShareGPT-unclear",
    "format": "array",
}


def _unfiltered(name: str, folder: str = "") -> Hub:
    return Hub(
        "anon8231489123/ShareGPT_Vicuna_unfiltered",
        folder + name,
        "192ab2185289094fc556ec8ce5ce1e8e587154ca",
    )


def _raw(part: int, size: int, sha256: str) -> File:
    name = f"sg_90k_part{part}.json"
    places = Hub("RyokoAI/ShareGPT52K", name), _unfiltered(name, _CLEANED_FOLDER)
    return File(name, places, size, (sha256,))


def _cleaned(part: int, size: int, *sha256: str) -> File:
    name = f"sg_90k_part{part}_html_cleaned.json"
    return File(name, (_unfiltered(name, _CLEANED_FOLDER),), size, sha256)


_CLEANED_FOLDER = "HTML_cleaned_raw_dataset/"
_RAW_NAMES, _SUFFIXES = ("sg_90k_part[12]", "sg_52k"), ("json", "parquet")
_RAW = (
    _raw(1, 921_586_083, "ed0e3af68ed968aed86aafd3796dacdb6fc2bb91f82edec880086ffcb7280f56"),
    _raw(2, 932_290_176, "d74dfddfedc6940eb81acbaba092e45e6667f8b2e492fdde294004d0dd6b6942"),
)
_V3_NAME = "ShareGPT_V3_unfiltered_cleaned_split.json"
_V3_SHA256 = "35f0e213ce091ed9b9af2a1f0755e9d39f9ccec34ab281cd4ca60d70f6479ba4"
_V3 = File(_V3_NAME, (_unfiltered(_V3_NAME),), 672_837_942, (_V3_SHA256,))
_HTML_CLEANED = (
    _cleaned(1, 551_420_693, "183c744455c6be491dba42ffee41afdae06d1d79adbcd86b7fef30d2a3206f86"),
    _cleaned(2, 548_183_942),
)


def _record(name: str, *turns: tuple[str, str]) -> Record:
    """A record as upstream writes it, for the examples."""
    return {"id": name, "conversations": [{"from": who, "value": text} for who, text in turns]}


_JOINED = ("user", "Hi"), ("assistant", "Hello."), ("user", "Bye"), ("assistant", "See you.")
_HTML = '<div class="markdown prose"><p>Use <code>vector&lt;int&gt;</code>.</p></div>'

_rule = partial(Rule, on="messages")
_BANNER_RULE = "A system message that an export tool wrote is rejected."
_PLACEHOLDER_RULE = 'A message that is only "EmptyMarkdownContent" is rejected.'

SHAREGPT = Source(
    name="sharegpt",
    title="ShareGPT-90K",
    description=(
        "Conversations with ChatGPT that people shared through a browser extension; Vicuna was "
        "trained on them."
    ),
    homepage="hub: RyokoAI/ShareGPT52K",
    cost="scraped",
    attribution=(
        "Users of ShareGPT; collected by an unknown person. Labelled CC0-1.0 and Apache-2.0 by "
        "re-publishers without rights."
    ),
    subsets=(
        Subset(
            "raw",
            files=tuple(f"{name}.{suffix}" for suffix in _SUFFIXES for name in _RAW_NAMES),
            downloads=_RAW,
            languages=("mul",),
            records=90665,
            convert=partial(_convert, html=True),
            **_COMMON,
        ),
        Subset(
            "v3",
            files=tuple(
                f"ShareGPT_{version}unfiltered_cleaned_split*.{suffix}"
                for suffix in _SUFFIXES
                for version in ("V3_", "V2_", "")
            ),
            downloads=(_V3,),
            languages=("mul",),
            records=94145,
            run_key=_run_key,
            note=(
                "Markdown, cut into overlapping parts of about 53,000 conversations; mostly"
                " English."
            ),
            **_COMMON,
        ),
        Subset(
            "html_cleaned",
            files=("sg_90k_part[12]_html_cleaned.json", "sg_90k_part[12]_html_cleaned.parquet"),
            downloads=_HTML_CLEANED,
            languages=("mul",),
            records=90665,
            note="The raw conversations with their HTML turned into Markdown by others.",
            **_COMMON,
        ),
    ),
    default=("raw", "v3", "html_cleaned"),
    licenses=(
        (
            "LicenseRef-ShareGPT-unclear",
            Terms(
                Use.UNCLEAR, "people's conversations, published by someone without rights in them"
            ),
        ),
    ),
    first_of=True,
    rules=(
        _rule("export_banner", _BANNER_RULE, refuse_banners),
        _rule("placeholder", _PLACEHOLDER_RULE, refuse_placeholders),
        _rule(
            "page_chrome",
            'The pager ("2 / 2") and counter that the early extension glued to people\'s words '
            "are removed.",
            drop_page_chrome,
            subsets=("raw",),
        ),
    ),
    template="the messages as they are",
    examples=(
        Example(
            _record("demo001", ("human", "2 / 2How is vector<int> used?"), ("gpt", _HTML)),
            ((("user", "How is vector<int> used?"), ("assistant", "Use `vector<int>`.")),),
            subset="raw",
        ),
        Example(
            [
                _record("demo002_0", ("human", "Hi"), ("gpt", "Hello.")),
                _record("demo002_1", ("gpt", "Hello."), ("human", "Bye"), ("gpt", "See you.")),
            ],
            (_JOINED,),
            subset="v3",
        ),
        Example([_record("demo003_0")], ("empty",), subset="v3"),
        Example([_record("demo004_3", ("gpt", "And so on."))], ("no_prompt",), subset="v3"),
    ),
)


@source(SHAREGPT)
def convert(given: Record | list[Record]) -> Iterator[Draft | Reject]:
    yield from _convert(given, html=False)
