"""The life of a document and of a bundle: what may follow what."""

from __future__ import annotations

from enum import StrEnum

from portal.core.lifecycle import Lifecycle
from portal.domain.invoices.models import BundleStatus, DocumentStatus


class DocumentMove(StrEnum):
    """What happens to a document."""

    FINALISE = "finalise"
    SETTLE = "settle"
    REOPEN = "reopen"
    CANCEL = "cancel"


#: Only a draft can be cancelled: an open one ends by a full credit note. A reversal reopens a settled one.
DOCUMENT = Lifecycle[DocumentStatus, DocumentMove](
    "document",
    {
        (DocumentStatus.DRAFT, DocumentMove.FINALISE): DocumentStatus.OPEN,
        (DocumentStatus.DRAFT, DocumentMove.CANCEL): DocumentStatus.CANCELLED,
        (DocumentStatus.OPEN, DocumentMove.SETTLE): DocumentStatus.SETTLED,
        (DocumentStatus.SETTLED, DocumentMove.REOPEN): DocumentStatus.OPEN,
    },
)


class BundleMove(StrEnum):
    """What happens to a bundle."""

    BUILD = "build"
    FINISH = "finish"
    FAIL = "fail"
    EXPIRE = "expire"


_B = BundleStatus

#: Those that are being made, of which there is one for each account and period.
MAKING = (_B.WAITING, _B.BUILDING)

#: Begun again by a second worker it goes on being built.
BUNDLE = Lifecycle[BundleStatus, BundleMove](
    "bundle",
    {
        (_B.WAITING, BundleMove.BUILD): _B.BUILDING,
        (_B.WAITING, BundleMove.FAIL): _B.FAILED,
        (_B.BUILDING, BundleMove.FINISH): _B.READY,
        (_B.BUILDING, BundleMove.FAIL): _B.FAILED,
        (_B.READY, BundleMove.EXPIRE): _B.EXPIRED,
    },
)
