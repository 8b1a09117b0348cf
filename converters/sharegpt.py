"""ShareGPT-90K: conversations with ChatGPT that people shared, in the three forms in which they
were published.

    {"id": "QWJhYvA", "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "<div …><p>Hello!</p></div>"}]}
    -> user: "Hi"   assistant: "Hello!"

`raw` holds the page's HTML for ChatGPT's turns and plain text for people's; `html_cleaned` and `v3`
hold Markdown. `v3` cut conversations into overlapping parts with ids like QWJhYvA_0, QWJhYvA_7;
neighbouring parts that fit are joined back together (recipe: join_parts), the turn that both carry
is dropped once, a gap stays a gap.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from open_instructions.catalogue import Example, File, Hub, Rule, Source, Subset, source
from open_instructions.layouts.messages import Chat, read_chat
from open_instructions.schema import INVISIBLE, SYSTEM, USER, Draft, Message, Reason, Record, Reject

_PART = re.compile(r"(.+)_(\d{1,6})")
_BANNER = re.compile(
    r"\W*(?:this )?(?:chat )?conversation (?:is |was )?(?:shared|exported|generated)\b", re.I
)
_PAGER = re.compile(r"(\d{1,2}) / (\d{1,2})(?=[^\W\d])")
_COUNTER = re.compile(r"Copy\d+ chars / \d+ words\Z")


def refuse_banners(messages: tuple[Message, ...]) -> Sequence[Message | Reject]:
    if not any(m.role == SYSTEM and _BANNER.match(m.content) for m in messages):
        return messages
    return [
        Reject(Reason.EXPORT_BANNER, "an export tool wrote it; it is not a system prompt", m)
        if m.role == SYSTEM and _BANNER.match(m.content)
        else m
        for m in messages
    ]


def refuse_placeholders(messages: tuple[Message, ...]) -> Sequence[Message | Reject]:
    if not any(m.content.strip() == "EmptyMarkdownContent" for m in messages):
        return messages
    return [
        Reject(Reason.PLACEHOLDER, "the page showed no content", m)
        if m.content.strip() == "EmptyMarkdownContent"
        else m
        for m in messages
    ]


def _without_chrome(message: Message) -> Message:
    text = message.content
    pager = _PAGER.match(text)
    # the page shows the newest of several versions: "2 / 2", and nothing like "3 / 4cup"
    if pager and 1 < int(pager[1]) == int(pager[2]):
        text = text[pager.end() :]
    text = _COUNTER.sub("", text)
    return message if text == message.content else message.edited(text)


def drop_page_chrome(messages: tuple[Message, ...]) -> Sequence[Message | Reject]:
    changed = tuple(_without_chrome(m) if m.role == USER else m for m in messages)
    return messages if all(a is b for a, b in zip(changed, messages, strict=True)) else changed


def _run_key(record: Record) -> str | None:
    match = _PART.fullmatch(record["id"]) if isinstance(record.get("id"), str) else None
    return match[1] if match else None


class _Part(NamedTuple):
    """One record that holds messages: the place of the first of them in the whole conversation, as
    far as its id says, and the record's index in the run."""

    start: int
    record: int
    system: str
    chat: Chat


def _part(record: Record, index: int, html: bool) -> _Part | Reject:
    """The messages of one record, or why it is no conversation at all."""
    turns, name = record.get("conversations"), _name(record, None)
    if not isinstance(turns, list):
        return Reject(Reason.UNEXPECTED_SHAPE, "no list of conversations", record=index, id=name)
    if not turns:
        return Reject(Reason.EMPTY, "an empty list of conversations", record=index, id=name)
    chat = read_chat(turns, record=index, html=html)
    if isinstance(chat, Reject):
        return chat._replace(id=name)
    if not any(isinstance(item, Message) for item in chat.items):
        return Reject(
            Reason.UNEXPECTED_SHAPE,
            "no message with text from a known sender",
            record=index,
            id=name,
        )
    system = record.get("system")
    return _Part(
        _start(record), index, system if isinstance(system, str) and system.strip() else "", chat
    )


def _start(record: Record) -> int:
    match = _PART.fullmatch(record["id"]) if isinstance(record.get("id"), str) else None
    return int(match[2]) if match else 0


def _name(record: Record, start: int | None) -> str | None:
    """The id of a conversation: upstream's, without the part number where it is whole from its
    beginning."""
    name = record.get("id")
    if isinstance(name, int) and not isinstance(name, bool):
        return str(name)
    if not isinstance(name, str) or not name.strip(INVISIBLE + " "):
        return None
    return name.rpartition("_")[0] if start == 0 and _PART.fullmatch(name) else name


class _Whole:
    """A conversation while parts are joined to it."""

    def __init__(self, part: _Part) -> None:
        self.start, self.system = part.start, part.system
        self.items = list(part.chat.items)
        self.parts = [part]

    def overlap(self, part: _Part) -> int | None:
        """How many messages the part repeats; None where it does not go on from here."""
        overlap = self.start + len(self.items) - part.start
        if not 0 <= overlap <= min(len(part.chat.items), len(self.items)) or part.system not in (
            "",
            self.system,
        ):
            return None
        mine, theirs = self.items[len(self.items) - overlap :], part.chat.items[:overlap]
        return overlap if list(map(_text, mine)) == list(map(_text, theirs)) else None

    def join(self, part: _Part, overlap: int) -> list[Reject]:
        """Take a part on; what it repeats is refused."""
        self.items += part.chat.items[overlap:]
        self.parts.append(part)
        return [_repeated(item, part.record) for item in part.chat.items[:overlap]]

    def draft(self, records: Sequence[Record], *, joins: bool) -> Draft:
        own = [records[part.record] for part in self.parts]
        models = [record.get("model") for record in own]
        model = (
            models[0] if isinstance(models[0], str) and models == models[:1] * len(own) else None
        )
        said: dict[str, Any] = (
            {"parts": [record.get("id") for record in own]} if len(own) > 1 else {}
        )
        left = [part.chat.left for part in self.parts]
        if any(left):
            said["conversations"] = left[0] if len(left) == 1 else left
        return Draft(
            [Message(SYSTEM, self.system), *self.items] if self.system else self.items,
            id=_name(own[0], self.start if joins else None),
            engine=(model or "").strip() or _engine(self.parts),
            metadata=said,
            used=_used(own, model),
            records=tuple(part.record for part in self.parts),
            edits=tuple(dict.fromkeys(edit for part in self.parts for edit in part.chat.edits)),
        )


def _used(own: Sequence[Record], model: str | None) -> list[str]:
    used = ["conversations"]
    if all(_name(record, None) for record in own):
        used.append("id")
    if all(isinstance(record.get("system", ""), str) for record in own):
        used.append("system")
    return [*used, "model"] if model else used


def _text(item: Message | Reject) -> Message | None:
    return item.message if isinstance(item, Reject) else item


def _repeated(item: Message | Reject, index: int) -> Reject:
    return (
        item
        if isinstance(item, Reject)
        else Reject(Reason.REPEATED_TURN, "the part before ends with it", item, index)
    )


def _engine(parts: Sequence[_Part]) -> str | None:
    """Whose name stands as a sender, where it is not ChatGPT."""
    senders = {sender for part in parts for sender in part.chat.senders}
    return next((name for name in ("bing", "bard", "claude", "gemini") if name in senders), None)


def _convert(given: Record | list[Record], *, html: bool) -> Iterator[Draft | Reject]:
    """One record; or all neighbouring parts of one conversation, joined where they fit."""
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


def _raw(name: str, size: int, sha256: str) -> File:
    return File(
        name,
        (Hub("RyokoAI/ShareGPT52K", name), _unfiltered(name, _CLEANED_FOLDER)),
        size,
        (sha256,),
    )


_CLEANED_FOLDER = "HTML_cleaned_raw_dataset/"
_RAW = (
    _raw(
        "sg_90k_part1.json",
        921_586_083,
        "ed0e3af68ed968aed86aafd3796dacdb6fc2bb91f82edec880086ffcb7280f56",
    ),
    _raw(
        "sg_90k_part2.json",
        932_290_176,
        "d74dfddfedc6940eb81acbaba092e45e6667f8b2e492fdde294004d0dd6b6942",
    ),
)
_V3_NAME, _PART1, _PART2 = (
    "ShareGPT_V3_unfiltered_cleaned_split.json",
    "sg_90k_part1_html_cleaned.json",
    "sg_90k_part2_html_cleaned.json",
)
_V3 = File(
    _V3_NAME,
    (_unfiltered(_V3_NAME),),
    672_837_942,
    ("35f0e213ce091ed9b9af2a1f0755e9d39f9ccec34ab281cd4ca60d70f6479ba4",),
)
_HTML_CLEANED = (
    File(
        _PART1,
        (_unfiltered(_PART1, _CLEANED_FOLDER),),
        551_420_693,
        ("183c744455c6be491dba42ffee41afdae06d1d79adbcd86b7fef30d2a3206f86",),
    ),
    File(_PART2, (_unfiltered(_PART2, _CLEANED_FOLDER),), 548_183_942),
)

_HTML = '<div class="markdown prose"><p>Use <code>vector&lt;int&gt;</code>.</p></div>'

SHAREGPT = Source(
    name="sharegpt",
    title="ShareGPT-90K",
    description="Conversations with ChatGPT that people shared through a browser extension; Vicuna was trained on them.",
    homepage="hub: RyokoAI/ShareGPT52K",
    cost="scraped",
    attribution="Users of ShareGPT; collected by an unknown person. Labelled CC0-1.0 and Apache-2.0 by re-publishers without rights.",
    subsets=(
        Subset(
            "raw",
            files=("sg_90k_part[12].json", "sg_52k.json", "sg_90k_part[12].parquet", "sg_52k.parquet"),
            downloads=_RAW,
            languages=("mul",),
            records=90665,
            convert=partial(_convert, html=True),
            **_COMMON,
        ),
        Subset(
            "v3",
            files=tuple(
                f"ShareGPT_{version}unfiltered_cleaned_split*.{suffix}" for suffix in ("json", "parquet") for version in ("V3_", "V2_", "")
            ),
            downloads=(_V3,),
            languages=("mul",),
            records=94145,
            run_key=_run_key,
            note="Markdown, cut into overlapping parts of about 53,000 conversations; mostly English.",
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
    first_of=True,
    rules=(
        Rule("export_banner", "A system message that an export tool wrote is rejected.", refuse_banners, on="messages"),
        Rule("placeholder", 'A message that is only "EmptyMarkdownContent" is rejected.', refuse_placeholders, on="messages"),
        Rule("page_chrome", 'The pager ("2 / 2") and counter that the early extension glued to people\'s words are removed.', drop_page_chrome,
             on="messages", subsets=("raw",)),
    ),
    template="the messages as they are",
    examples=(
        Example(
            {"id": "demo001", "conversations": [{"from": "human", "value": "2 / 2How is vector<int> used?"}, {"from": "gpt", "value": _HTML}]},
            ((("user", "How is vector<int> used?"), ("assistant", "Use `vector<int>`.")),),
            subset="raw",
        ),
        Example(
            [
                {"id": "demo002_0", "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello."}]},
                {"id": "demo002_1", "conversations": [{"from": "gpt", "value": "Hello."}, {"from": "human", "value": "Bye"}, {"from": "gpt", "value": "See you."}]},
            ],
            ((("user", "Hi"), ("assistant", "Hello."), ("user", "Bye"), ("assistant", "See you.")),),
            subset="v3",
        ),
        Example([{"id": "demo003_0", "conversations": []}], ("empty",), subset="v3"),
        Example([{"id": "demo004_3", "conversations": [{"from": "gpt", "value": "And so on."}]}], ("no_prompt",), subset="v3"),
    ),
)  # fmt: skip


@source(SHAREGPT)
def convert(given: Record | list[Record]) -> Iterator[Draft | Reject]:
    yield from _convert(given, html=False)
