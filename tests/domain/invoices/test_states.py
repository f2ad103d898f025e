"""The life of a document over every pair of status and move."""

from itertools import product

import pytest

from portal.core.errors import IllegalMove
from portal.domain.invoices.models import DocumentStatus as S
from portal.domain.invoices.states import DOCUMENT, DocumentMove

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
