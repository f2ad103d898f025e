"""The life of a document: what may follow what."""

from __future__ import annotations

from enum import StrEnum

from portal.core.lifecycle import Lifecycle
from portal.domain.invoices.models import DocumentStatus


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
