"""A loaded conversation renders like the same one written by hand: through templates in three
styles, and through those of TRL where it is installed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from jinja2 import nodes
from jinja2.exceptions import TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

import open_instructions as oi
from open_instructions.building.run import BuildResult

from .tool_talks import ENDS_WITH_CALL, PARALLEL, PLAIN, SEVERAL, SINGLE, SOURCE, WEATHER, Talk

OURS = Path(__file__).parent / "templates"
TALKS: list[tuple[Talk, list[Any] | None]] = [
    (SINGLE, [WEATHER]),
    (SEVERAL, [WEATHER, WEATHER]),
    (PARALLEL, None),
    (ENDS_WITH_CALL, [WEATHER]),
    (PLAIN, None),
]


class Generation(Extension):
    """The tag that marks what a model is trained on."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def template(text: str) -> Callable[..., str]:
    """A chat template as transformers compiles it."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.filters["tojson"] = partial(json.dumps, ensure_ascii=False)
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = lambda shape: "1 January 2025"
    return environment.from_string(text).render


def _raise(message: str) -> None:
    raise TemplateError(message)


def rendered(render: Callable[..., str], talk: Talk, tools: list[Any] | None) -> str:
    """The text, or what the template says against the conversation."""
    try:
        return render(messages=talk, tools=tools, bos_token="<s>", eos_token="</s>")
    except (TemplateError, TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"


@pytest.fixture
def loaded(make: Callable[..., BuildResult], tmp_path: Path) -> Any:
    (tmp_path / "talks.py").write_text(SOURCE)
    records = [{"messages": talk} | ({"tools": tools} if tools else {}) for talk, tools in TALKS]
    build = make({"talks.json": records}, str(tmp_path / "talks.py"))
    return oi.load(build.path, columns="messages,tools")


@pytest.mark.parametrize("name", ["hermes", "llama3", "xml"])
def test_our_templates(loaded: Any, name: str) -> None:
    render = template((OURS / f"{name}.jinja").read_text())
    for row, (talk, tools) in zip(loaded, TALKS, strict=True):
        text = rendered(render, talk, tools)
        assert "Error" not in text
        assert rendered(render, row["messages"], row["tools"]) == text


def test_what_the_templates_write(loaded: Any) -> None:
    row = loaded[3]
    asked = "Call the weather service for Lima, please."
    tool = json.dumps(WEATHER)
    said = {
        name: rendered(template((OURS / f"{name}.jinja").read_text()), row["messages"], None)
        for name in ("hermes", "llama3", "xml")
    }
    assert said["hermes"] == (
        "<|im_start|>system\nBe of help.<|im_end|>\n"
        f"<|im_start|>user\n{asked}<|im_end|>\n"
        "<|im_start|>assistant\n<tool_call>\n"
        '{"name": "weather", "arguments": {"place": "Lima", "unit": "C"}}\n'
        "</tool_call><|im_end|>\n"
    )
    assert said["llama3"] == (
        f"<|start_header_id|>user<|end_header_id|>\n\n{asked}<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
        '{"name": "weather", "parameters": {"place": "Lima", "unit": "C"}}<|eom_id|>'
    )
    assert said["xml"] == (
        f"<user>{asked}</user>\n"
        '<assistant><invoke name="weather"><parameter name="place">Lima</parameter>'
        '<parameter name="unit">C</parameter></invoke></assistant>\n'
    )
    hermes = template((OURS / "hermes.jinja").read_text())
    assert f"<tools>\n{tool}\n</tools>" in rendered(hermes, row["messages"], row["tools"])


def trl_templates() -> Iterator[Path]:
    with suppress(ImportError, ValueError):
        spec = find_spec("trl")
        for folder in (spec and spec.submodule_search_locations) or ():
            yield from sorted((Path(folder) / "chat_templates").glob("*.jinja"))


@pytest.mark.skipif(not any(trl_templates()), reason="trl is not installed")
def test_the_templates_of_trl(loaded: Any) -> None:
    for path in trl_templates():
        render = template(path.read_text(encoding="utf-8"))
        for row, (talk, tools) in zip(loaded, TALKS, strict=True):
            by_hand = rendered(render, talk, tools)
            assert rendered(render, row["messages"], row["tools"]) == by_hand, path.name
