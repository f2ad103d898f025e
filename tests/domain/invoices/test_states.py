"""The lives of a document and of a bundle over every pair of status and move."""

from itertools import product

import pytest

from portal.core.errors import IllegalMove
from portal.domain.invoices.models import BundleStatus as B
from portal.domain.invoices.models import DocumentStatus as S
from portal.domain.invoices.states import BUNDLE, DOCUMENT, MAKING, BundleMove, DocumentMove

#: domain.md, "Documents": draft → open → settled, a reversal reopens; only a draft is cancelled.
LEGAL = {
    (S.DRAFT, DocumentMove.FINALISE): S.OPEN,
    (S.DRAFT, DocumentMove.CANCEL): S.CANCELLED,
    (S.OPEN, DocumentMove.SETTLE): S.SETTLED,
    (S.SETTLED, DocumentMove.REOPEN): S.OPEN,
}
REPEATED = {
    (S.OPEN, DocumentMove.FINALISE),
    (S.OPEN, DocumentMove.REOPEN),
    (S.SETTLED, DocumentMove.SETTLE),
    (S.CANCELLED, DocumentMove.CANCEL),
}


@pytest.mark.parametrize(("status", "move"), list(product(S, DocumentMove)))
def test_every_move_from_every_status(status: S, move: DocumentMove) -> None:
    if (status, move) in LEGAL:
        assert DOCUMENT.next(status, move) is LEGAL[status, move]
    elif (status, move) in REPEATED:
        assert DOCUMENT.next(status, move) is None
    else:
        with pytest.raises(IllegalMove):
            DOCUMENT.next(status, move)


#: P-INV-PDF: waiting, then made by a worker, which may be given up on the way, and kept for a while.
MADE = {
    (B.WAITING, BundleMove.BUILD): B.BUILDING,
    (B.WAITING, BundleMove.FAIL): B.FAILED,
    (B.BUILDING, BundleMove.FINISH): B.READY,
    (B.BUILDING, BundleMove.FAIL): B.FAILED,
    (B.READY, BundleMove.EXPIRE): B.EXPIRED,
}
MADE_ALREADY = {
    (B.BUILDING, BundleMove.BUILD),
    (B.READY, BundleMove.FINISH),
    (B.FAILED, BundleMove.FAIL),
    (B.EXPIRED, BundleMove.EXPIRE),
}


@pytest.mark.parametrize(("status", "move"), list(product(B, BundleMove)))
def test_every_move_of_a_bundle(status: B, move: BundleMove) -> None:
    if (status, move) in MADE:
        assert BUNDLE.next(status, move) is MADE[status, move]
    elif (status, move) in MADE_ALREADY:
        assert BUNDLE.next(status, move) is None
    else:
        with pytest.raises(IllegalMove):
            BUNDLE.next(status, move)


def test_a_bundle_is_being_made_until_it_is_there_or_given_up() -> None:
    assert set(MAKING) == {B.WAITING, B.BUILDING}
