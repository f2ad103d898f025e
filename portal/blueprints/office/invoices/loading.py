"""What every page of an invoice begins with."""

from __future__ import annotations

from dataclasses import dataclass

from portal.core.audit import Actor
from portal.core.principals import current_staff
from portal.core.shops import current_shop
from portal.domain.collections.reminding import quiet_case
from portal.domain.invoices.models import Document, DocumentFile, DocumentKind, DocumentStatus
from portal.domain.invoices.staff_queries import get_document_for_staff
from portal.domain.people.models import Customer
from portal.domain.shops.models import Mode, Shop
from portal.domain.shops.queries import get_shop


@dataclass(frozen=True)
class Found:
    """A document, whose it is, its PDF if that is built, and the customer's credit in its currency, in minor units.

    ``quiet_case_id``: none, or the case in which the shop said that it asks for nothing more for now.
    """

    document: Document
    customer: Customer
    file: DocumentFile | None
    credit_minor: int
    quiet_case_id: int | None

    @property
    def is_draft(self) -> bool:
        """Whether it can still change."""
        return self.document.status is DocumentStatus.DRAFT

    @property
    def is_issued(self) -> bool:
        """Whether it has a number."""
        return self.document.status in (DocumentStatus.OPEN, DocumentStatus.SETTLED)

    @property
    def is_credit_note(self) -> bool:
        """Whether it takes back instead of asking for."""
        return self.document.kind is DocumentKind.CREDIT_NOTE


def load(public_id: str) -> Found:
    """A document of the shop; ``NotFound`` for any other."""
    return Found(*get_document_for_staff(public_id, mode=mode(), also=quiet_case(Document)))


def mode() -> Mode:
    """Test and live documents never meet."""
    return Mode(current_shop().mode)


def shop() -> Shop:
    """The shop's row."""
    return get_shop(current_shop().id)


def actor() -> Actor:
    """Who does it."""
    staff = current_staff()
    assert staff is not None
    return Actor.staff(staff)
