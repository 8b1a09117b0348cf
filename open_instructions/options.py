"""The options of a build, each defined once.

`oi build` and its help, the parameters of `open_instructions.build`, the keys of a recipe that an
option overrides and the words of errors are made from this one definition. An option is a field: a
name, a type, a default, and an Option with what the command line and the recipe need to know.
Annotations are evaluated here (no `from __future__ import annotations`): they hold the options.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, fields, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

if TYPE_CHECKING:
    from .recipe import Recipe

Folders = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
"""One folder, or several."""

Missing = Literal["stop", "skip"]
Engine = Literal["local", "ray"]

IN, OWN, CLEANING, WHERE, RUNNING = (
    "What goes in",
    "Your own source",
    "Cleaning and mixing",
    "Where it goes",
    "Running",
)
"""The groups of options in the help."""


@dataclass(frozen=True)
class Option:
    """An option. `options_of` adds the name, default and type of its field.

    group    the group that it belongs to in the help
    help     what it does, as the help has it
    short    its short form, like -d
    metavar  what stands for the value in the help; the type if not said
    read     the type that the command line reads: bool for a switch, list[str] for an option that
             can be repeated; said only where the type of the field does not tell
    least    the smallest number that it takes
    recipe   whether it overrides the key of the same name in a recipe
    takes    for such an option, what a value is, as the error about another value says it
    hint     the hint of that error
    """

    group: str
    help: str
    short: str = ""
    metavar: str | None = None
    read: Any = None
    least: int | None = None
    recipe: bool = False
    takes: str = ""
    hint: str = ""
    name: str = ""
    default: Any = None

    @property
    def flag(self) -> str:
        """The option's name on the command line: --data-dir."""
        return "--" + self.name.replace("_", "-")


@dataclass(frozen=True)
class BuildOptions:
    """The options of a build, in Python and on the command line."""

    sources: Annotated[
        str | Iterable[str] | None,
        Option(
            IN,
            "The same as a list: known sources, your own files and folders, hub datasets, like "
            "alpaca,./tickets.jsonl. Default: the recipe's, or all.",
            short="-s",
            metavar="LIST",
        ),
    ] = None
    _: KW_ONLY
    sample: Annotated[bool, Option(IN, "Use the small samples that come with the package.")] = False
    data_dir: Annotated[
        Folders | None,
        Option(
            IN,
            "Folder with upstream's files, at any depth: a path, or an address like "
            "s3://bucket/raw. Can be repeated.",
            read=list[str],
            short="-d",
            metavar="FOLDER",
        ),
    ] = None
    missing: Annotated[Missing, Option(IN, "What to do if a source has no files.")] = "stop"
    offline: Annotated[bool, Option(IN, "Fetch nothing. Cached files are used.")] = False
    locked: Annotated[
        str | os.PathLike[str] | None,
        Option(IN, "Use exactly the files of this lock, or fail.", metavar="OI.LOCK"),
    ] = None
    layout: Annotated[
        str | None,
        Option(
            OWN,
            "How the records of your own source are read, like messages or alpaca. Default: as "
            "each record shows. docs/layouts.md lists them.",
            metavar="NAME",
        ),
    ] = None
    field: Annotated[
        Mapping[str, str] | Sequence[str] | None,
        Option(
            OWN,
            "Which field of your own source has what, like prompt=question, prompt=a.b or "
            "task='chat'. Can be repeated.",
            read=list[str],
            metavar="NAME=FIELD",
        ),
    ] = None
    role: Annotated[
        Mapping[str, str] | Sequence[str] | None,
        Option(
            OWN,
            "What a role of your own source means, like agent=assistant. Can be repeated.",
            read=list[str],
            metavar="ROLE=ROLE",
        ),
    ] = None
    source_license: Annotated[
        str | None,
        Option(
            OWN,
            "Licence of your own source, as an SPDX expression like CC-BY-4.0.",
            metavar="LICENSE",
        ),
    ] = None
    engine_of: Annotated[
        str | None,
        Option(
            OWN,
            "Who wrote the answers of your own source: a model's name, or human.",
            metavar="ENGINE",
        ),
    ] = None
    encoding: Annotated[
        str | None,
        Option(
            IN,
            "Encoding of files that are not UTF-8, UTF-16 or UTF-32, like gb18030 or cp1252.",
            metavar="NAME",
            recipe=True,
            takes="a name like gb18030",
        ),
    ] = None
    index_base: Annotated[
        Mapping[str, int] | Sequence[str] | None,
        Option(
            IN,
            "Whether a subset counts its options from 0 or 1, if its files do not show it, like "
            "lmflow:medmcqa=0. Can be repeated.",
            read=list[str],
            metavar="SUBSET=0|1",
            recipe=True,
            takes="a value like lmflow:medmcqa=0",
        ),
    ] = None
    recipe: Annotated[
        "str | Recipe | None",
        Option(
            CLEANING,
            "What decides how to clean, split and mix: default, vicuna, commercial, classic, "
            "sft-mix, or a .yaml file. Default: default, or the lock's recipe.",
            short="-r",
            metavar="RECIPE",
        ),
    ] = None
    languages: Annotated[
        str | Sequence[str] | None,
        Option(
            CLEANING,
            "Keep only these, by code, like en,zh,de,es,ja. An unknown code lists them all. "
            "Others go to rejected/.",
            metavar="LANGS",
            recipe=True,
            takes="a list like en,zh",
        ),
    ] = None
    not_languages: Annotated[
        str | Sequence[str] | None,
        Option(
            CLEANING,
            "Drop these, by code, like ko,fr. They go to rejected/.",
            metavar="LANGS",
            recipe=True,
            takes="a list like ko,ja",
        ),
    ] = None
    licenses: Annotated[
        str | Sequence[str] | None,
        Option(
            CLEANING,
            "Keep only rows under these, like commercial or MIT,CC0-1.0. Others go to rejected/.",
            metavar="LICENSES",
            recipe=True,
            takes="a list like MIT,CC0-1.0",
        ),
    ] = None
    decontaminate: Annotated[
        str | Sequence[str] | None,
        Option(
            CLEANING,
            "Drop conversations that have items of this evaluation set: a name like gsm8k, a "
            "file, a hub dataset, or an index file. Can be repeated.",
            read=list[str],
            metavar="FILE|NAME",
            recipe=True,
            takes="a name like gsm8k, or a file",
        ),
    ] = None
    max_tokens: Annotated[
        int | None,
        Option(
            CLEANING,
            "Split conversations over this many tokens. 0 does not split.",
            least=0,
            recipe=True,
            takes="a whole number",
        ),
    ] = None
    tokenizer: Annotated[
        str | None,
        Option(
            CLEANING,
            "Tokenizer for counting: an encoding like o200k_base, a path to a tokenizer.json, "
            "or owner/name on the hub.",
            metavar="NAME",
            recipe=True,
            takes="a string",
            hint="Give a name, or a path like ./tokenizer.json.",
        ),
    ] = None
    near_duplicates: Annotated[
        float | None,
        Option(
            CLEANING,
            "Drop rows that are nearly the same as another, from this similarity on, like 0.7.",
            metavar="SHARE",
            recipe=True,
            takes="a number from 0.5 to 1",
        ),
    ] = None
    validation: Annotated[
        float | None,
        Option(
            CLEANING,
            "Put this share of the rows aside for validation, like 0.01. Rows that belong together "
            "are on one side.",
            metavar="SHARE",
            recipe=True,
            takes="a share like 0.01",
            hint="A recipe can say a number of rows or tokens: validation: {rows: 500}.",
        ),
    ] = None
    order: Annotated[
        Literal["as read", "shuffled"] | None,
        Option(
            CLEANING,
            "The order of the rows. Shuffled is for trainers that read shards in order. Default: "
            "as read.",
            read=str,
            metavar="ORDER",
            recipe=True,
            takes="as read or shuffled",
        ),
    ] = None
    out: Annotated[
        str | os.PathLike[str] | None,
        Option(
            WHERE,
            "Where to put the build: a path or an address. Default: builds/RECIPE, or "
            "builds/sample with --sample, in $OI_HOME.",
            short="-o",
            metavar="FOLDER",
        ),
    ] = None
    overwrite: Annotated[bool, Option(WHERE, "Replace a different build in the same folder.")] = (
        False
    )
    engine: Annotated[
        Engine,
        Option(
            RUNNING, "Run on this machine or on a Ray cluster, all of whose nodes must reach --out."
        ),
    ] = "local"
    ray_address: Annotated[
        str | None,
        Option(
            RUNNING,
            "The cluster, like 10.0.0.1:6379. Default: the one running here.",
            metavar="ADDRESS",
        ),
    ] = None
    workers: Annotated[
        int | None, Option(RUNNING, "Number of processes. Default: one per CPU.", least=1)
    ] = None
    restart: Annotated[
        bool, Option(RUNNING, "Start over, even if an interrupted build could be continued.")
    ] = False
    strict: Annotated[
        bool, Option(RUNNING, "Stop at the first record on which a converter, rule or stage fails.")
    ] = False


def options_of(definition: type[BuildOptions] | BuildOptions) -> list[Option]:
    """The options of a definition in order, with the names, defaults and types of their fields."""
    annotated = [(f, *getattr(f.type, "__metadata__", ())) for f in fields(definition)]
    return [
        replace(known[0], name=f.name, default=f.default, read=known[0].read or _read(f.type))
        for f, *known in annotated
        if known
    ]


def _read(annotated: Any) -> Any:
    """The command line's type for a field's type: the type itself for a switch or a Literal, a
    number for one that may be None, else text."""
    kind = get_args(annotated)[0]
    if kind is bool or get_origin(kind) is Literal:
        return kind
    return next((number for number in (int, float) if number in get_args(kind)), str)
