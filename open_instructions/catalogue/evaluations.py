"""The usual evaluation sets: where they are, and how their items are read. A recipe names them
under `decontaminate`.

No digests are listed: what the first fetch brings is pinned, in the cache and in the build's lock.
`checked` says where the place and the fields come from: a page of the hub or a public harness that
names them, or memory alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..layouts.layout import LayoutOptions
from .own import HUB, OwnSource

_MATH = (
    "algebra",
    "counting_and_probability",
    "geometry",
    "intermediate_algebra",
    "number_theory",
    "prealgebra",
    "precalculus",
)
_CONVERTED = "@refs/convert/parquet/*/test/*.parquet"
"""The Parquet files that the hub made of a repository with a loading script."""


@dataclass(frozen=True)
class Evaluation:
    """An evaluation set of the catalogue.

    name     what a recipe calls it
    title    what it is called
    hub      the dataset: owner/name, perhaps with a revision and a path
    fields   where its items have question, options, answer, context and id
    license  an SPDX expression, as its page states it; "" if it states none
    split    the split that tests are run on, "" if `hub` names files
    configs  its configs, each read; none for the only one
    gated    whether the hub asks for an account that accepted its terms
    checked  "documented" if a page of the hub or a public harness names the place and the fields,
             "recalled" if nothing at hand did
    """

    name: str
    title: str
    hub: str
    fields: tuple[tuple[str, str], ...]
    license: str
    split: str = "test"
    configs: tuple[str, ...] = ()
    gated: bool = False
    checked: Literal["documented", "recalled"] = "documented"

    def sources(self) -> list[OwnSource]:
        """What is read, one source for each config."""
        options = LayoutOptions(fields=self.fields)
        return [
            OwnSource(
                self.name,
                hub=f"{HUB}datasets/{self.hub}",
                config=config,
                split=self.split,
                options=options,
                several=True,
            )
            for config in self.configs or ("",)
        ]


def _fields(question: str, **more: str) -> tuple[tuple[str, str], ...]:
    return (("question", question), *more.items())


_CHOICE = _fields("question", options="choices", answer="answer")
_CHINESE = _fields("question", options="A,B,C,D", answer="answer")

EVALUATIONS: tuple[Evaluation, ...] = (
    Evaluation(
        "gsm8k",
        "GSM8K",
        "openai/gsm8k",
        _fields("question", answer="answer"),
        "MIT",
        configs=("main",),
    ),
    Evaluation(
        "math",
        "MATH",
        "EleutherAI/hendrycks_math",
        _fields("problem", answer="solution"),
        "MIT",
        configs=_MATH,
    ),
    Evaluation("mmlu", "MMLU", "cais/mmlu", _CHOICE, "MIT", configs=("all",)),
    Evaluation(
        "mmlu-pro",
        "MMLU-Pro",
        "TIGER-Lab/MMLU-Pro",
        _fields("question", options="options", answer="answer", id="question_id"),
        "MIT",
    ),
    Evaluation(
        "arc",
        "ARC",
        "allenai/ai2_arc",
        _fields("question", options="choices", answer="answerKey", id="id"),
        "CC-BY-SA-4.0",
        configs=("ARC-Challenge", "ARC-Easy"),
    ),
    Evaluation(
        "hellaswag",
        "HellaSwag",
        "Rowan/hellaswag",
        _fields("ctx", options="endings", answer="label"),
        "MIT",
        split="validation",
        checked="recalled",
    ),
    Evaluation(
        "truthfulqa",
        "TruthfulQA",
        "truthfulqa/truthful_qa",
        _fields("question", answer="best_answer,correct_answers"),
        "Apache-2.0",
        split="validation",
        configs=("generation",),
        checked="recalled",
    ),
    Evaluation(
        "bbh",
        "BIG-Bench Hard",
        f"lukaemon/bbh{_CONVERTED}",
        _fields("input", answer="target"),
        "MIT",
        split="",
    ),
    Evaluation(
        "humaneval",
        "HumanEval",
        "openai/openai_humaneval",
        _fields("prompt", answer="canonical_solution", id="task_id"),
        "MIT",
    ),
    Evaluation(
        "mbpp",
        "MBPP",
        "google-research-datasets/mbpp",
        _fields("text", answer="code", id="task_id"),
        "CC-BY-4.0",
        configs=("full",),
    ),
    Evaluation(
        "ifeval",
        "IFEval",
        "google/IFEval",
        _fields("prompt", id="key"),
        "Apache-2.0",
        split="train",
        checked="recalled",
    ),
    Evaluation(
        "alpacaeval",
        "AlpacaEval",
        "tatsu-lab/alpaca_eval/alpaca_eval.json",
        _fields("instruction", answer="output"),
        "CC-BY-NC-4.0",
        split="",
    ),
    Evaluation(
        "mt-bench",
        "MT-Bench",
        "HuggingFaceH4/mt_bench_prompts",
        _fields("prompt", answer="reference", id="prompt_id"),
        "Apache-2.0",
        split="train",
    ),
    Evaluation(
        "gpqa",
        "GPQA",
        "Idavidrein/gpqa",
        _fields(
            "Question",
            options="Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3",
            answer="Correct Answer",
        ),
        "CC-BY-4.0",
        split="train",
        configs=("gpqa_main",),
        gated=True,
    ),
    Evaluation(
        "drop",
        "DROP",
        "ucinlp/drop",
        _fields("question", answer="answers_spans.spans", context="passage", id="query_id"),
        "CC-BY-SA-4.0",
        split="validation",
    ),
    Evaluation(
        "ceval",
        "C-Eval",
        f"ceval/ceval-exam{_CONVERTED}",
        _CHINESE,
        "CC-BY-NC-SA-4.0",
        split="",
    ),
    Evaluation(
        "cmmlu",
        "CMMLU",
        f"haonan-li/cmmlu{_CONVERTED}",
        _fields("Question", options="A,B,C,D", answer="Answer"),
        "CC-BY-NC-4.0",
        split="",
    ),
)


def names() -> tuple[str, ...]:
    return tuple(evaluation.name for evaluation in EVALUATIONS)


def evaluation(name: str) -> Evaluation:
    """The set of a name. Raises KeyError if there is none.

    >>> evaluation("mmlu").sources()[0].hub
    'hf://datasets/cais/mmlu'
    """
    return {each.name: each for each in EVALUATIONS}[name]
