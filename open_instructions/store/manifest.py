"""manifest.json: what a build was made from, its results, and its shards.

A manifest may come from anywhere. `Manifest.from_dict` accepts what `Manifest.to_dict` returns and
rejects everything else, so the values of a Manifest need no further checks:

    Manifest.from_dict(values).to_dict() == values
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

from ..errors import shown
from ..ledger import Ledger, stages
from ..schema import SPLITS
from . import values
from .names import DATA, PREFERENCE, SHARD, TABLES, TRAIN


@dataclass(frozen=True)
class Shard:
    """A shard: its path in the build's folder, its number of rows, its size in bytes, its
    sha256."""

    path: str
    rows: int
    bytes: int
    sha256: str

    @property
    def kind(self) -> str:
        """The table that it belongs to: data, preference, rejected or files."""
        return self.path.partition("/")[0]

    @property
    def split(self) -> str:
        """The split of its rows: train, validation or test. Other tables have none, and it is their
        name."""
        return self.path.partition("/")[2].partition("-")[0]

    @classmethod
    def from_dict(cls, value: Any, what: str) -> Shard:
        """`what` is its place in the manifest."""
        found = values.fields(value, what, _names(cls))
        path = values.text(found["path"], f"{what}.path")
        folder, _, name = path.partition("/")
        if folder not in TABLES or not SHARD.fullmatch(name):
            raise values.refused(f"{what}.path", path, "the path of a shard")
        values.count(found["rows"], f"{what}.rows")
        values.count(found["bytes"], f"{what}.bytes")
        values.sha256(found["sha256"], f"{what}.sha256")
        return cls(**found)


@dataclass(frozen=True)
class InputEntry:
    """An input file as one subset read it. `member` is the file's number in its archive;
    `index_base` says from which number its answers count, who says so, and what the file showed."""

    source: str
    subset: str
    file: str
    bytes: int
    sha256: str
    member: int | None = None
    index_base: Mapping[str, Any] | None = None

    @property
    def counted_from(self) -> int | None:
        """The number from which the file counts its options; None if its answers are not
        numbers."""
        return None if self.index_base is None else int(self.index_base["from"])

    def to_dict(self) -> dict[str, Any]:
        """The entry as JSON, without values that are None."""
        return {name: value for name, value in vars(self).items() if value is not None}

    @classmethod
    def from_dict(cls, value: Any, what: str) -> InputEntry:
        """`what` is its place in the manifest."""
        required = ("source", "subset", "file", "bytes", "sha256")
        found = values.fields(value, what, required, "member", "index_base")
        for name in ("source", "subset", "file"):
            values.text(found[name], f"{what}.{name}")
        for name in found.keys() & {"bytes", "member"}:
            values.count(found[name], f"{what}.{name}")
        values.sha256(found["sha256"], f"{what}.sha256")
        if "index_base" in found:
            start = values.kept(found["index_base"], f"{what}.index_base").get("from")
            if type(start) is not int or start not in (0, 1):
                raise values.refused(f"{what}.index_base.from", start, "0 or 1")
        return cls(**found)


@dataclass(frozen=True)
class OtherCount:
    """A subset whose number of records differs from what upstream published."""

    source: str
    subset: str
    published: int
    found: int

    @property
    def name(self) -> str:
        return f"{self.source}:{self.subset}"

    @classmethod
    def from_dict(cls, value: Any, what: str) -> OtherCount:
        """`what` is its place in the manifest."""
        found = values.fields(value, what, _names(cls))
        for name in ("source", "subset"):
            values.text(found[name], f"{what}.{name}")
        for name in ("published", "found"):
            values.count(found[name], f"{what}.{name}")
        return cls(**found)


@dataclass(frozen=True, kw_only=True)
class Decided:
    """All that decides a build: the versions, the resolved recipe, the sha256 of sources that a
    .py file describes (None for the others), how a user's own files are read, the input files, the
    subsets whose files are missing, and the files of evaluation sets."""

    versions: Mapping[str, str]
    recipe: Mapping[str, Any]
    sources: Mapping[str, str | None]
    inputs: tuple[InputEntry, ...]
    missing: tuple[str, ...]
    own: Mapping[str, Mapping[str, Any]]
    evaluations: tuple[InputEntry, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        evaluations = [entry.to_dict() for entry in self.evaluations]
        own = {"own": {name: dict(said) for name, said in self.own.items()}} if self.own else {}
        return {
            "versions": dict(self.versions),
            "recipe": dict(self.recipe),
            "sources": dict(self.sources),
            **own,
            "inputs": [entry.to_dict() for entry in self.inputs],
            "missing": list(self.missing),
            **({"evaluations": evaluations} if evaluations else {}),
        }

    def digest(self) -> str:
        """The fingerprint: the sha256 of everything that determines the build."""
        described = json.dumps(Decided.to_dict(self), sort_keys=True)
        return hashlib.sha256(described.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Manifest(Decided):
    """The contents of manifest.json.

    `open_instructions` is the version that wrote it, `fingerprint` the digest of everything that
    determines the build, `counts` the subsets whose number of records differs from what upstream
    published, `attribution` whom to credit for each source, `totals` the sums of the ledger,
    `steps` what corpus steps say of themselves, by name.
    """

    FORMAT: ClassVar[int] = 2

    open_instructions: str
    fingerprint: str
    counts: tuple[OtherCount, ...]
    attribution: Mapping[str, str]
    totals: Mapping[str, int]
    ledger: Ledger
    shards: tuple[Shard, ...]
    steps: Mapping[str, Mapping[str, Any]]

    @property
    def recipe_name(self) -> str:
        return str(self.recipe["name"])

    def of(self, kind: str, split: str | None = None) -> tuple[Shard, ...]:
        """The shards of one table, in order; of one split, or of all."""
        of_kind = (shard for shard in self.shards if shard.kind == kind)
        return tuple(shard for shard in of_kind if split in (None, shard.split))

    def splits(self) -> dict[str, int]:
        """How many rows of data/ and preference/ each split has; train is always there."""
        counts = dict.fromkeys((TRAIN, *SPLITS), 0)
        for shard in (*self.of(DATA), *self.of(PREFERENCE)):
            counts[shard.split] += shard.rows
        return {name: rows for name, rows in counts.items() if rows or name == TRAIN}

    def to_dict(self) -> dict[str, Any]:
        """The manifest as in the JSON file, in the same order."""
        steps = {"steps": {name: dict(said) for name, said in self.steps.items()}}
        return {
            "format": self.FORMAT,
            "open_instructions": self.open_instructions,
            "fingerprint": self.fingerprint,
            **super().to_dict(),
            "counts": [asdict(count) for count in self.counts],
            "attribution": dict(self.attribution),
            "totals": dict(self.totals),
            **(steps if self.steps else {}),
            "ledger": self.ledger.to_dict(),
            "shards": [asdict(shard) for shard in self.shards],
        }

    @classmethod
    def from_dict(cls, content: Any) -> Manifest:
        """Read back what `to_dict` returned.

        Raises ValueError for another format and for anything that no build writes. Its text is a
        predicate, such as "lacks shards", because the caller knows the file.
        """
        if not isinstance(content, dict) or "format" not in content:
            raise ValueError("is not a manifest of Open Instructions")
        if type(content["format"]) is not int or content["format"] != cls.FORMAT:
            found = shown(content["format"])
            raise ValueError(f"has format {found}, and this version reads {cls.FORMAT}")
        try:
            return cls._read(content)
        except values.WrongValue as error:
            raise ValueError(f"is not a manifest of Open Instructions: {error}") from error

    @classmethod
    def _read(cls, content: dict[str, Any]) -> Manifest:
        optional = ("own", "steps", "evaluations")
        required = [name for name in _names(cls) if name not in optional]
        found = values.fields(content, "it", ("format", *required), *optional)
        recipe = values.kept(found["recipe"], "recipe")
        values.text(recipe.get("name"), "recipe.name")
        return cls(
            open_instructions=values.text(found["open_instructions"], "open_instructions"),
            fingerprint=values.sha256(found["fingerprint"], "fingerprint"),
            versions=values.texts(found["versions"], "versions"),
            recipe=recipe,
            sources=_sources(found["sources"]),
            own=_by_name(found, "own"),
            inputs=tuple(InputEntry.from_dict(*item) for item in values.items(found, "inputs")),
            missing=tuple(values.text(*item) for item in values.items(found, "missing")),
            evaluations=_evaluations(found),
            counts=tuple(OtherCount.from_dict(*item) for item in values.items(found, "counts")),
            attribution=values.texts(found["attribution"], "attribution"),
            totals=values.counts(found["totals"], "totals"),
            ledger=_ledger(found["ledger"]),
            shards=_shards(values.items(found, "shards")),
            steps=_by_name(found, "steps"),
        )


def _names(cls: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(cls))


def _sources(value: Any) -> dict[str, str | None]:
    return {
        name: None if digest is None else values.sha256(digest, values.member("sources", name))
        for name, digest in values.mapping(value, "sources").items()
    }


def _evaluations(found: Mapping[str, Any]) -> tuple[InputEntry, ...]:
    if "evaluations" not in found:
        return ()
    entries = tuple(InputEntry.from_dict(*item) for item in values.items(found, "evaluations"))
    if not entries:
        raise values.WrongValue("evaluations is empty")
    return entries


def _by_name(found: Mapping[str, Any], what: str) -> dict[str, Mapping[str, Any]]:
    """Objects by name; a manifest that has none leaves the key out."""
    return {
        name: values.kept(said, values.member(what, name))
        for name, said in values.mapping(found.get(what, {}), what).items()
    }


def _ledger(value: Any) -> Ledger:
    """The ledger. Counts of 0 and empty objects are refused, because `Ledger.to_dict` leaves them
    out."""
    known = stages()
    for subset, found in values.mapping(value, "ledger").items():
        where = values.member("ledger", subset)
        if ":" not in subset:
            raise values.refused(where, subset, "source:subset")
        for stage, counts in _some(found, where).items():
            if stage not in known:
                raise values.WrongValue(f"{where} has the unknown stage {shown(stage)}")
            for what, count in _some(counts, f"{where}.{stage}").items():
                _check_count(count, values.member(f"{where}.{stage}", what))
    return Ledger.from_dict(value)


def _check_count(count: Any, what: str) -> None:
    """A number, or numbers by name."""
    if not isinstance(count, dict):
        values.count(count, what, least=1)
    elif "" in values.counts(_some(count, what), what, least=1):
        raise values.WrongValue(f"{what} has a count without a name")


def _some(value: Any, what: str) -> dict[str, Any]:
    if not values.mapping(value, what):
        raise values.WrongValue(f"{what} is empty")
    return dict(value)


def _shards(items: list[tuple[Any, str]]) -> tuple[Shard, ...]:
    shards = tuple(Shard.from_dict(*item) for item in items)
    seen: set[str] = set()
    for shard, (_, what) in zip(shards, items, strict=True):
        if shard.path in seen:
            raise values.WrongValue(f"{what}.path repeats {shown(shard.path)}")
        seen.add(shard.path)
    return shards
