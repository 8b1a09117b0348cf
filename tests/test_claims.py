"""Which records are lost with a draft, against the plain count of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from open_instructions.claims import Claims

DRAFTS = st.lists(
    st.lists(st.integers(0, 5), min_size=1, max_size=4, unique=True), min_size=1, max_size=6
)


def test_a_record_is_the_first_drafts_until_it_leaves() -> None:
    """0-1-2 and 0-1-3: 0 and 1 pass to the second draft, 2 is lost."""
    claims = Claims([[0, 1, 2], [0, 1, 3]])
    assert (claims.own, claims.joined, claims.derived) == ([3, 1], 2, 0)
    left = claims.leave(0)
    assert (left.gone, left.joined, left.derived, left.heirs) == ([2], 0, 0, [1, 1])
    assert (claims.own, claims.owned(1)) == ([0, 3], {0, 1, 3})


@given(DRAFTS, st.randoms(use_true_random=False))
def test_the_law_holds_whatever_leaves(drafts: list[list[int]], random: object) -> None:
    """Drafts that are left = their records - joined + derived, and each record is lost once."""
    claims, left = Claims(drafts), list(range(len(drafts)))
    random.shuffle(left)  # type: ignore[attr-defined]
    lost: list[int] = []
    while left:
        records = {record for draft in left for record in drafts[draft]}
        assert len(left) == len(records) - claims.joined + claims.derived
        assert sum(claims.own) == len(records)
        lost += claims.leave(left.pop()).gone
    assert sorted(lost) == sorted({record for its in drafts for record in its})
