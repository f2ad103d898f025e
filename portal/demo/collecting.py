"""The collection case of the demo: an invoice that Emma has not paid, at the second letter."""

from __future__ import annotations

from datetime import datetime

from portal.core.audit import Actor
from portal.demo.people import EMMA
from portal.demo.selling import number
from portal.demo.story import Story
from portal.domain.collections.models import CaseEvent, CollectionCase
from portal.domain.invoices.models import Document

#: The key of the invoice that is collected.
INVOICE = "collection"
#: When the letters went out, in days before today; the invoice was due 46 days ago.
REMINDER, NOTICE = 32, 18


def plan(story: Story) -> None:
    """A reminder two weeks after the due day, and the formal notice that names the fee two weeks later."""
    cases: list[CollectionCase] = []

    def open_case(now: datetime) -> None:
        invoice = story.invoices[INVOICE]
        case = CollectionCase(
            mode=story.shop.mode,
            customer_id=story.customers[EMMA].id,
            document_id=invoice.id,
            number=number(story, "collection_case", "K"),
            stage=1,
            opened_on=story.local_day(now),
            stage_since=story.local_day(now),
            created_at=now,
        )
        cases.append(story.add(case))
        story.record("collection.opened", case, now=now, actor=Actor.system("demo"))
        _letter(story, case, invoice, now)

    def escalate(now: datetime) -> None:
        case = cases[0]
        case.stage, case.stage_since = 2, story.local_day(now)
        story.record("collection.escalated", case, now=now, actor=Actor.system("demo"), stage=2)
        _letter(story, case, story.invoices[INVOICE], now)

    story.at(story.moment(REMINDER, "09:00"), open_case)
    story.at(story.moment(NOTICE, "09:00"), escalate)


def _letter(story: Story, case: CollectionCase, invoice: Document, now: datetime) -> None:
    story.add(
        CaseEvent(
            case_id=case.id,
            kind="letter_sent",
            data={"stage": case.stage, "open_minor": invoice.open_minor, "currency": invoice.currency},
            created_at=now,
        )
    )
