"""Mails about documents."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from portal.core import links, mailer, outbox, storage
from portal.core.letter import BadAddress
from portal.core.mailer import Category, Mail, MailMessage
from portal.core.outbox import OutboxState
from portal.domain.invoices import rendering
from portal.domain.invoices.links import payment_url, relation
from portal.domain.invoices.models import Document
from portal.domain.people.addressing import mail_to_account
from portal.domain.people.models import Customer
from portal.domain.people.recipients import Switch
from portal.domain.shops.models import Shop
from portal.extensions import db

log = logging.getLogger(__name__)


def invoices_issued(
    issued: Sequence[tuple[Document, Customer]], *, shop: Shop, now: datetime
) -> dict[int, MailMessage]:
    """The invoices with their PDFs, by the id of the document; none where everybody switched it off."""
    wanted = {document.id: _issued(document, customer, shop) for document, customer in issued}
    mails = {document_id: mail for document_id, mail in wanted.items() if mail is not None}
    return dict(zip(mails, mailer.queue_all(list(mails.values()), now=now), strict=True))


def _issued(document: Document, customer: Customer, shop: Shop) -> Mail | None:
    return mail_to_account(
        customer,
        "invoice_issued",
        {
            "number": document.number,
            "total_minor": document.total_minor,
            "open_minor": document.open_minor,
            "currency": document.currency,
            "due_date": document.due_date,
            "pay_url": payment_url(document),
            "invoice_url": links.external(shop.id, "invoices.show", public_id=document.public_id),
            "settings_url": links.external(shop.id, "settings.index"),
            "test_mode": shop.mode.value == "test",
        },
        shop=shop,
        category=Category.BILLING,
        switch=Switch.NEW_INVOICE,
        related=relation(document),
        language=document.language,
        attachments=[("invoice_pdf", document.id)],
    )


def credit_note_issued(
    credit_note: Document, invoice: Document, customer: Customer, *, shop: Shop, off_minor: int, now: datetime
) -> MailMessage | None:
    """A credit note with its PDF: on which invoice, how much of it is taken off what was open, and what is credit now.

    In the account's language of today, whatever the invoice was in. None where everybody switched it off, and where no
    mail can go to their address: the note holds all the same.
    """
    mail = mail_to_account(
        customer,
        "credit_note_issued",
        {
            "number": credit_note.number,
            "invoice": invoice.number,
            "total_minor": credit_note.total_minor,
            "off_minor": off_minor,
            "kept_minor": credit_note.total_minor - off_minor,
            "open_minor": invoice.open_minor,
            "currency": credit_note.currency,
            "why": credit_note.note,
            "note_url": links.external(shop.id, "invoices.show", public_id=credit_note.public_id),
            "settings_url": links.external(shop.id, "settings.index"),
            "test_mode": shop.mode.value == "test",
        },
        shop=shop,
        category=Category.BILLING,
        switch=Switch.NEW_INVOICE,
        related=relation(credit_note),
        attachments=[("invoice_pdf", credit_note.id)],
    )
    try:
        return mailer.queue(mail, now=now) if mail is not None else None
    except BadAddress:
        log.warning("credit note %s: the mail about it has no address that it could go to", credit_note.id)
        return None


@mailer.attachment("invoice_pdf")
def invoice_pdf(document_id: Any) -> tuple[str, str, bytes]:
    """The original of a document; asked again while it is being built, and given up when that failed."""
    document = db.session.get_one(Document, document_id)
    file = rendering.find_file(document, document.language)
    if file is None:
        build = rendering.find_build(document, document.language)
        if build is not None and build.state is OutboxState.FAILED:
            raise mailer.CannotAttach(f"the PDF could not be built: {build.last_error}"[:300])
        raise outbox.NotReady("the PDF is being built")
    return rendering.file_name(document, document.language), "application/pdf", storage.get(file.storage_key)
