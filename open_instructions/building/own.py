"""What a user says of a source of their own, beside where its files are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..catalogue import Selection
from ..catalogue.own import ROLES, OwnSource
from ..catalogue.registry import own_selection
from ..errors import MissingSourceError, UsageError, shown, suggest
from ..inputs.lock import Lock
from ..layouts import recognise
from ..layouts.layout import AUTO, LayoutOptions
from ..paths import folders, place
from ..stages.language import LABELS
from ..store import is_build, open_build
from ..store.finding import find_build
from .choices import Choices

_FLAGS = ("layout", "field", "role", "source_license", "engine_of")


def with_options(
    selections: Sequence[Selection], said: Choices, lock: Lock | None = None
) -> list[Selection]:
    """The selections, with the options that speak of one own source.

    Raises UsageError if there is no own source or more than one, and for unknown names of layouts,
    fields or roles.
    """
    given = [name for name in _FLAGS if getattr(said, name)]
    own = [s for s in selections if s.own]
    if given and len(own) != 1:
        flag = "--" + given[0].replace("_", "-")
        raise UsageError(
            f"{flag} speaks of one source of your own, not of {len(own) or 'none'}.",
            hint="--sources=./FILE names one; several are described under `sources` in a recipe.",
        )
    chosen = [_checked(_with_flags(s, said) if given and s.own else s) for s in selections]
    return [_as_parent(s, given, said, lock) for s in chosen]


def _found(own: OwnSource, said: Choices, lock: Lock | None) -> OwnSource:
    """A build that a lock names, in the folder where it is now. Raises MissingSourceError."""
    shards = [file.sha256 for file in lock.files_of(own.name)] if lock else []
    near = place(said.locked or ".").parent
    build, looked = find_build(own.parent, shards, near, folders(said.data_dir))
    if build is None:
        raise MissingSourceError(
            f"The lock needs the build {own.name}, with the fingerprint {own.parent}. {looked}.",
            hint="--data-dir names its folder, or one that it is in.",
        )
    return replace(own, files=(str(build.path),))


def _as_parent(
    selection: Selection, given: Sequence[str], said: Choices, lock: Lock | None
) -> Selection:
    """A folder that is a build, as one. Raises UsageError if options say how to read it: its rows
    are kept as they are."""
    own = selection.own
    if own and own.parent and not own.files:
        return own_selection(_found(own, said, lock))
    if not own or len(own.files) != 1 or not is_build(own.places()[0]):
        return selection
    if given or own.options != LayoutOptions() or own.license or own.engine:
        raise UsageError(
            f"{shown(own.files[0])} is a build, whose rows say what they are.",
            hint="Leave layout, fields, roles, licence and engine out.",
        )
    build = open_build(own.places()[0])
    return own_selection(replace(own, parent=build.manifest.fingerprint))


def _with_flags(selection: Selection, said: Choices) -> Selection:
    own = selection.own
    assert own
    options = own.options
    changed = replace(
        options,
        layout=said.layout or options.layout,
        fields=_merged(options.fields, _by_name(_pairs(said.field, "--field", "prompt=question"))),
        roles=_merged(options.roles, _pairs(said.role, "--role", "agent=assistant")),
    )
    return own_selection(
        replace(
            own,
            options=changed,
            license=said.source_license or own.license,
            engine=said.engine_of or own.engine,
        )
    )


def _merged(
    before: tuple[tuple[str, str], ...], more: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, str], ...]:
    return tuple((dict(before) | dict(more)).items())


def _pairs(said: Any, flag: str, example: str) -> tuple[tuple[str, str], ...]:
    """`prompt=question`, once or several times, or a mapping. On the command line the first `=`
    divides."""
    if not said:
        return ()
    if isinstance(said, Mapping):
        return tuple((str(name), str(value)) for name, value in said.items())
    items = [said] if isinstance(said, str) else said
    pairs: dict[str, str] = {}
    for item in items if isinstance(items, Iterable) else ():
        name, equals, value = str(item).partition("=")
        if not (name.strip() and equals and value.strip()):
            raise UsageError(f"{flag} takes a value like {example}, not {shown(item)}.")
        if pairs.setdefault(name.strip(), value.strip()) != value.strip():
            raise UsageError(f"{flag} says two things of {shown(name)}.")
    return tuple(pairs.items())


def _by_name(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """A file without a header has its columns by number: `0=prompt` is `prompt=0`."""
    return tuple((said, name) if name.isdecimal() else (name, said) for name, said in pairs)


def _checked(selection: Selection) -> Selection:
    if selection.own:
        _check(selection.own)
    return selection


def _check(own: OwnSource) -> None:
    options = own.options
    layouts = recognise.names()
    if options.layout != AUTO and options.layout not in layouts:
        raise UsageError(
            f"There is no layout {shown(options.layout)}.",
            hint=suggest(options.layout, layouts, "Layouts are"),
        )
    known = recognise.canonical_fields(options.layout)
    for name, _ in options.fields:
        if name not in known:
            raise UsageError(
                f"No layout has a field {shown(name)}.", hint=suggest(name, known, "Fields are")
            )
    for label in filter(None, own.language.split(",")):
        if label not in LABELS:
            raise UsageError(
                f"{own.name}: there is no language {shown(label)}.",
                hint=suggest(label, LABELS, "Languages are"),
            )
    for _, role in options.roles:
        if role not in ROLES:
            raise UsageError(
                f"{shown(role)} is not a role.", hint=suggest(role, ROLES, "Roles are")
            )
