"""That a document is disputed, as a fact of its own: reminders and collections stop for it, and count none of it."""

from __future__ import annotations

from datetime import date

from portal.domain.invoices.models import Document


def is_disputed(document: Document) -> bool:
    """Whether a dispute of it waits for the shop's answer: nothing is reminded of or escalated meanwhile."""
    return document.disputed_on is not None


def days_disputed(document: Document, *, today: date) -> int:
    """How many days of it do not count for collections (domain.md), those of a running dispute among them."""
    running = (today - document.disputed_on).days if document.disputed_on is not None else 0
    return document.disputed_days + max(0, running)


def begin_dispute(document: Document, *, today: date) -> None:
    """Notes that a dispute runs from ``today`` on; the document is locked by the caller, a dispute."""
    document.disputed_on = document.disputed_on or today


def end_dispute(document: Document, *, today: date) -> None:
    """Notes that it ended; its days stay counted."""
    document.disputed_days = days_disputed(document, today=today)
    document.disputed_on = None
