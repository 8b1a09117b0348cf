"""ShareGPT-90K: conversations with ChatGPT that people shared, in the three forms in which they were published.

    {"id": "QWJhYvA", "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "<div …><p>Hello!</p></div>"}]}
    -> user: "Hi"   assistant: "Hello!"

`raw` holds the page's HTML for ChatGPT's turns and plain text for people's; `html_cleaned` and `v3` hold Markdown.
`v3` cut conversations into overlapping parts with ids like QWJhYvA_0, QWJhYvA_7; neighbouring parts that fit are
joined back together (recipe: join_parts), the turn that both carry is dropped once, a gap stays a gap.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from open_instructions.catalogue import Example, Rule, Source, Subset, source
from open_instructions.schema import ASSISTANT, INVISIBLE, SYSTEM, USER, Draft, Message, Reason, Record, Reject, to_json
from open_instructions.upstream import File, Hub

_ROLES = {"human": USER, "user": USER, "gpt": ASSISTANT, "chatgpt": ASSISTANT, "bing": ASSISTANT, "bard": ASSISTANT, "system": SYSTEM}
_PART = re.compile(r"(.+)_(\d{1,6})")
_BANNER = re.compile(r"\W*(?:this )?(?:chat )?conversation (?:is |was )?(?:shared|exported|generated)\b", re.I)
_PAGER = re.compile(r"(\d{1,2}) / (\d{1,2})(?=[^\W\d])")
_COUNTER = re.compile(r"Copy\d+ chars / \d+ words\Z")


def refuse_banners(messages: tuple[Message, ...]) -> Sequence[Message | Reject]:
    if not any(m.role == SYSTEM and _BANNER.match(m.content) for m in messages):
        return messages
    return [
        Reject(Reason.EXPORT_BANNER, "what an export tool wrote, no system prompt", m)
        if m.role == SYSTEM and _BANNER.match(m.content)
        else m
        for m in messages
    ]


def refuse_placeholders(messages: tuple[Message, ...]) -> Sequence[Message | Reject]:
    if not any(m.content.strip() == "EmptyMarkdownContent" for m in messages):
        return messages
    return [
        Reject(Reason.PLACEHOLDER, "the page showed no content", m) if m.content.strip() == "EmptyMarkdownContent" else m for m in messages
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


def _turns(record: Record, index: int, html: bool) -> tuple[list[Message], list[Reject]] | Reject:
    """The turns of one record, and those that are none; or why it is no conversation at all."""
    turns = record.get("conversations")
    if not isinstance(turns, list):
        return Reject(Reason.UNEXPECTED_SHAPE, "no list of conversations", record=index, id=_name(record, None))
    if not turns:
        return Reject(Reason.EMPTY, "an empty list of conversations", record=index, id=_name(record, None))
    messages: list[Message] = []
    refused: list[Reject] = []
    for turn in turns:
        sender, value = (turn.get("from"), turn.get("value")) if isinstance(turn, dict) else (None, turn)
        role = _ROLES.get(sender.lower()) if isinstance(sender, str) else None
        if role and isinstance(value, str):
            messages.append(Message(role, value, html and role == ASSISTANT))
        else:
            told_apart = isinstance(sender, str) and isinstance(value, str)
            reason = Reason.UNKNOWN_ROLE if told_apart else Reason.UNEXPECTED_SHAPE
            refused.append(Reject(reason, f"a turn from {sender!r}", Message("unknown", to_json(turn)), index))
    if not messages:
        return Reject(Reason.UNEXPECTED_SHAPE, "no turn that is a text from a known sender", record=index, id=_name(record, None))
    return messages, refused


def _engine(records: Sequence[Record]) -> str | None:
    senders = {t["from"] for r in records for t in r["conversations"] if isinstance(t, dict) and isinstance(t.get("from"), str)}
    return "bing" if "bing" in senders else "bard" if "bard" in senders else None


def _start(record: Record) -> int:
    match = _PART.fullmatch(record["id"]) if isinstance(record.get("id"), str) else None
    return int(match[2]) if match else 0


def _name(record: Record, start: int | None) -> str | None:
    """The id of a conversation: upstream's, without the part number where it is whole from its beginning."""
    name = record.get("id")
    if not isinstance(name, str) or not name.strip(INVISIBLE + " "):
        return None
    return name.rpartition("_")[0] if start == 0 and _PART.fullmatch(name) else name


def _convert(given: Record | list[Record], *, html: bool) -> Iterator[Draft | Reject]:
    """One record; or all neighbouring parts of one conversation, joined where they fit."""
    records = given if isinstance(given, list) else [given]
    parts: list[tuple[int, int, list[Message]]] = []
    for index, record in enumerate(records):
        found = _turns(record, index, html)
        if isinstance(found, Reject):
            yield found
            continue
        messages, refused = found
        yield from refused
        parts.append((_start(record), index, messages))
    joined: list[tuple[int, list[int], list[Message]]] = []
    for start, index, messages in sorted(parts, key=lambda p: p[:2]) if len(parts) > 1 else parts:
        if joined:
            first, indexes, so_far = joined[-1]
            overlap = first + len(so_far) - start
            if 0 <= overlap <= min(len(messages), len(so_far)) and so_far[len(so_far) - overlap :] == messages[:overlap]:
                yield from (Reject(Reason.REPEATED_TURN, "the part before ends with it", m, index) for m in messages[:overlap])
                so_far += messages[overlap:]
                indexes.append(index)
                continue
        joined.append((start, [index], list(messages)))
    for start, indexes, messages in joined:
        own = [records[i] for i in indexes]
        name = _name(own[0], start if isinstance(given, list) else None)
        said = {"parts": [r.get("id") for r in own]} if len(own) > 1 else {}
        yield Draft(messages, id=name, engine=_engine(own), metadata=said, records=tuple(indexes))


_COMMON: dict[str, Any] = {
    "fields": frozenset({"id", "conversations"}),
    "engine": "chatgpt",
    "license": "LicenseRef-ShareGPT-unclear",
    "format": "array",
}


def _unfiltered(name: str, folder: str = "") -> Hub:
    return Hub("anon8231489123/ShareGPT_Vicuna_unfiltered", folder + name, "192ab2185289094fc556ec8ce5ce1e8e587154ca")


def _raw(name: str, size: int, sha256: str) -> File:
    return File(name, (Hub("RyokoAI/ShareGPT52K", name), _unfiltered(name, _CLEANED_FOLDER)), size, (sha256,))


_CLEANED_FOLDER = "HTML_cleaned_raw_dataset/"
_RAW = (
    _raw("sg_90k_part1.json", 921_586_083, "ed0e3af68ed968aed86aafd3796dacdb6fc2bb91f82edec880086ffcb7280f56"),
    _raw("sg_90k_part2.json", 932_290_176, "d74dfddfedc6940eb81acbaba092e45e6667f8b2e492fdde294004d0dd6b6942"),
)
_V3_NAME, _PART1, _PART2 = (
    "ShareGPT_V3_unfiltered_cleaned_split.json",
    "sg_90k_part1_html_cleaned.json",
    "sg_90k_part2_html_cleaned.json",
)
_V3 = File(_V3_NAME, (_unfiltered(_V3_NAME),), 672_837_942, ("35f0e213ce091ed9b9af2a1f0755e9d39f9ccec34ab281cd4ca60d70f6479ba4",))
_HTML_CLEANED = (
    File(
        _PART1, (_unfiltered(_PART1, _CLEANED_FOLDER),), 551_420_693, ("183c744455c6be491dba42ffee41afdae06d1d79adbcd86b7fef30d2a3206f86",)
    ),
    File(_PART2, (_unfiltered(_PART2, _CLEANED_FOLDER),), 548_183_942),
)

_HTML = '<div class="markdown prose"><p>Use <code>vector&lt;int&gt;</code>.</p></div>'

SHAREGPT = Source(
    name="sharegpt",
    title="ShareGPT-90K",
    description="Conversations with ChatGPT that people shared through a browser extension; what Vicuna was trained on.",
    homepage="hub: RyokoAI/ShareGPT52K",
    cost="scraped",
    attribution="Users of ShareGPT; collected by an unknown person. Labelled CC0-1.0 and Apache-2.0 by re-publishers who hold no rights.",
    subsets=(
        Subset(
            "raw",
            files=("sg_90k_part[12].json", "sg_52k.json"),
            downloads=_RAW,
            languages=("mul",),
            records=90665,
            convert=partial(_convert, html=True),
            **_COMMON,
        ),
        Subset(
            "v3",
            files=("ShareGPT_V3_unfiltered_cleaned_split*.json", "ShareGPT_V2_unfiltered_cleaned_split*.json", "ShareGPT_unfiltered_cleaned_split*.json"),
            downloads=(_V3,),
            languages=("mul",),
            records=94145,
            run_key=_run_key,
            note="Markdown, cut into overlapping parts of about 53,000 conversations; mostly English.",
            **_COMMON,
        ),
        Subset(
            "html_cleaned",
            files=("sg_90k_part[12]_html_cleaned.json",),
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
        Rule("export_banner", "A system turn that an export tool wrote is rejected.", refuse_banners, on="messages"),
        Rule("placeholder", 'A turn that is only "EmptyMarkdownContent" is rejected.', refuse_placeholders, on="messages"),
        Rule("page_chrome", 'The pager ("2 / 2") and counter that the early extension glued to people\'s words go.', drop_page_chrome,
             on="messages", subsets=("raw",)),
    ),
    template="the turns as they are",
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
