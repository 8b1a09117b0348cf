"""Other libraries on the same rows: a process of its own, texts on standard input.

    python others.py datasketch|rensa|datatrove THRESHOLD < texts.json

Writes pairs (dropped, kept): each row with the smallest one of its cluster. Word 3-grams, 128
values, and each library's own choice of bands for the threshold (datatrove: its default of 14 bands
of 8, on its own 5-grams).
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path


def clusters(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    root: dict[int, int] = {}

    def find(a: int) -> int:
        while root.setdefault(a, a) != a:
            root[a] = root[root[a]]
            a = root[a]
        return a

    for a, b in pairs:
        low, high = sorted((find(a), find(b)))
        root[high] = low
    return [(a, find(a)) for a in sorted(root) if find(a) != a]


def shingles(text: str) -> list[str]:
    words = text.lower().split()
    return [" ".join(words[n : n + 3]) for n in range(max(1, len(words) - 2))]


def datasketch(texts: list[str], threshold: float) -> list[tuple[int, int]]:
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=threshold, num_perm=128)
    pairs = []
    for place, text in enumerate(texts):
        made = MinHash(num_perm=128)
        made.update_batch([shingle.encode() for shingle in shingles(text)])
        pairs += [(place, other) for other in index.query(made)]
        index.insert(place, made)
    return clusters(pairs)


def rensa(texts: list[str], threshold: float) -> list[tuple[int, int]]:
    from rensa import RMinHash, RMinHashLSH

    index = RMinHashLSH(threshold=threshold, num_perm=128, num_bands=16)
    made = []
    pairs = []
    for place, text in enumerate(texts):
        one = RMinHash(num_perm=128, seed=42)
        one.update(shingles(text))
        made.append(one)
        for other in index.query(one):
            if one.jaccard(made[other]) >= threshold:
                pairs.append((place, other))
        index.insert(place, one)
    return clusters(pairs)


def datatrove(texts: list[str], threshold: float) -> list[tuple[int, int]]:
    from datatrove.data import Document
    from datatrove.pipeline.dedup import MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import (
        MinhashConfig,
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
    )

    with tempfile.TemporaryDirectory() as folder:
        config = MinhashConfig()
        documents = [Document(text=text, id=str(at)) for at, text in enumerate(texts)]
        MinhashDedupSignature(f"{folder}/sig", config=config).run(iter(documents), 0, 1)
        for bucket in range(config.num_buckets):
            MinhashDedupBuckets(f"{folder}/sig", f"{folder}/buckets", config=config).run(
                None, bucket, config.num_buckets
            )
        MinhashDedupCluster(
            f"{folder}/buckets", f"{folder}/remove", config=config, save_cluster_id=True
        ).run(None, 0, 1)
        step = MinhashDedupFilter(f"{folder}/remove", load_cluster_ids=False)
        kept = {int(document.id) for document in step.run(iter(documents), 0, 1)}
        ids = {}
        for path in Path(folder, "remove").glob("*.clusters"):
            data = path.read_bytes()
            for at in range(0, len(data), 8):
                row, cluster = (int.from_bytes(data[n : n + 4], "little") for n in (at, at + 4))
                ids[row] = cluster
    stays = {ids[row]: row for row in sorted(kept, reverse=True) if row in ids}
    return [(row, stays[c]) for row, c in ids.items() if row not in kept and c in stays]


if __name__ == "__main__":
    function = {"datasketch": datasketch, "rensa": rensa, "datatrove": datatrove}[sys.argv[1]]
    print(json.dumps(function(json.load(sys.stdin), float(sys.argv[2]))))
