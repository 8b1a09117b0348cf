"""Conversations with tools for the tests, and a source that reads them."""

from __future__ import annotations

from typing import Any

from open_instructions.schema import Message

SOURCE = """
from open_instructions.catalogue import Source, Subset, source
from open_instructions.schema import Draft, Message

TALKS = Source(
    name="talks", title="Talks", description="d", homepage="h", cost="c", attribution="a",
    default=("main",),
    subsets=(
        Subset(
            "main", files=("talks.json",), fields=frozenset({"messages"}), languages=("en",),
            engine="human", license="CC0-1.0",
        ),
    ),
)


@source(TALKS)
def convert(record):
    messages = []
    for found in record["messages"]:
        fields = {key: found[key] for key in found if key not in ("role", "content")}
        messages.append(Message(found["role"], found["content"], fields=fields or None))
    yield Draft(messages, used=("messages", "tools"), tools=record.get("tools", ()))
"""

Talk = list[dict[str, Any]]


def user(content: str) -> dict[str, Any]:
    return {"role": "user", "content": content}


def says(content: str, **fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **fields}


def call(name: str, id: str | None = None, **arguments: Any) -> dict[str, Any]:
    named = {} if id is None else {"id": id}
    return named | {"type": "function", "function": {"name": name, "arguments": arguments}}


def calls(*made: dict[str, Any], content: str = "") -> dict[str, Any]:
    return says(content, tool_calls=list(made))


def result(content: str, id: str | None = None, **fields: Any) -> dict[str, Any]:
    named = {} if id is None else {"tool_call_id": id}
    return {"role": "tool", "content": content, **named, **fields}


def messages(talk: Talk) -> tuple[Message, ...]:
    """As a converter hands them over."""
    return tuple(
        Message(
            m["role"],
            m["content"],
            fields={k: v for k, v in m.items() if k not in ("role", "content")} or None,
        )
        for m in talk
    )


WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a place, now.",
        "parameters": {
            "type": "object",
            "properties": {"place": {"type": "string"}, "unit": {"enum": ["C", "F"]}},
            "required": ["place"],
        },
    },
}

SINGLE: Talk = [
    {"role": "system", "content": "You may ask for the weather."},
    user("Do I need a coat in Oslo?"),
    calls(call("weather", "c1", place="Oslo", unit=None)),
    result('{"sky": "snow", "degrees": -4.208}', "c1", name="weather"),
    says("Yes, take a warm one: it snows.", reasoning_content="Snow means a coat."),
]
SEVERAL: Talk = [
    user("Where is it warmer, in Rome or in Bern?"),
    calls(call("weather", place="Rome"), content="I look it up, one by one."),
    result("18 degrees"),
    calls(call("weather", place="Bern")),
    result("9 degrees"),
    says("In Rome."),
    user("Thank you for the answer."),
    says("You are welcome, any time."),
]
PARALLEL: Talk = [
    user("Is it colder in Kyiv than in Lviv?"),
    calls(call("weather", "a", place="Kyiv"), call("weather", "b", place="Lviv")),
    result("-7", "b"),
    result("-3", "a"),
    says("No, Lviv is colder."),
]
ENDS_WITH_CALL: Talk = [
    user("Call the weather service for Lima, please."),
    calls(call("weather", place="Lima", unit="C")),
]
PLAIN: Talk = [user("What is a coat made of, usually?"), says("Mostly of wool or of cotton.")]
