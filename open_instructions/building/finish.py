"""The end of a build, before it is published: its ledger is checked, and it says what it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from .. import store
from ..errors import LedgerError
from ..inputs.cache import Cache
from ..inputs.lock import Lock, locked_files
from ..ledger import Ledger
from ..merge import Merged
from ..reports.card import card, license_page
from ..store import Build, Manifest, OtherCount, Shard
from ..store.headers import Header, write_headers
from .failures import check_rows
from .plan import Plan


def finish(
    job: Plan, ready: Path, merged: Merged, counts: Ledger, headers: Sequence[Header]
) -> Build:
    """Write the manifest, the lock, the card and the licences beside the shards in `ready`. Raises
    LedgerError if the counts do not balance, EmptyBuildError if there are no rows."""
    _check_balance(counts, merged.shards)
    shards = (*merged.shards, *write_headers(ready, headers))
    manifest = _manifest(job, counts, merged, shards)
    made = Build(ready, manifest)
    check_rows(made)
    store.write_json(ready / store.LOCK, _lock(job).to_dict())
    store.write_json(ready / store.MANIFEST, manifest.to_dict())
    sources = [s.source for s in job.selections]
    text = card(manifest, sources, merged.languages, merged.usage, merged.full)
    (ready / store.CARD).write_text(text, encoding="utf-8")
    (ready / store.LICENSE).write_text(license_page(manifest, merged.usage), encoding="utf-8")
    return made


def _check_balance(counts: Ledger, shards: Sequence[Shard]) -> None:
    """Raises LedgerError if the ledger breaks a law, or the shards have other rows than it says."""
    problems = counts.problems()
    written = Counter[str]()
    for shard in shards:
        written[shard.kind] += shard.rows
    totals = counts.summary()
    pairs = totals.get("preference_rows", 0)
    for kind, counted in ((store.DATA, totals["rows"] - pairs), (store.PREFERENCE, pairs)):
        if written[kind] != counted:
            problems.append(f"{written[kind]} rows of {kind}/ were written and {counted} counted")
    if problems:
        raise LedgerError(
            "The ledger does not balance: " + "; ".join(problems[:5]) + ".",
            hint="Nothing was published. This is a bug: please report it.",
        )


def _manifest(job: Plan, counts: Ledger, merged: Merged, shards: tuple[Shard, ...]) -> Manifest:
    named = {s.source.name: s.source.attribution for s in job.selections}
    for parent in job.parents.values():
        named = {**parent.manifest.attribution, **named}
    attribution = {name: named[name] for name in merged.usage.sources() if named.get(name)}
    return Manifest(
        **vars(job.decided),
        open_instructions=version("open-instructions"),
        fingerprint=job.fingerprint,
        counts=tuple(_other_counts(job, counts)),
        attribution=attribution,
        totals=counts.summary(),
        ledger=counts,
        shards=shards,
        steps=merged.reports,
    )


def _lock(job: Plan) -> Lock:
    """The lock that the build is made again from."""
    return Lock(
        version("open-instructions"),
        tuple(said for s in job.selections for said in s.as_said()),
        job.recipe.to_dict(),
        locked_files(job.found.inputs, [s.source for s in job.selections], Cache()),
        {s.source.name: s.source.digest for s in job.selections if s.path},
        {s.source.name: s.own.described() for s in job.selections if s.own},
        locked_files(job.evaluation_inputs, (), Cache()),
    )


def _other_counts(job: Plan, counts: Ledger) -> list[OtherCount]:
    """The subsets whose number of records differs from upstream's."""
    by_name = {s.source.name: s.source for s in job.selections}
    other = []
    for source, subset in sorted({(i.source, i.subset) for i in job.found.inputs}):
        published = by_name[source].subset(subset).records
        found = counts.sum_of("read", "records_in", source=source, subset=subset)
        if published is not None and found != published:
            other.append(OtherCount(source, subset, published, found))
    return other
