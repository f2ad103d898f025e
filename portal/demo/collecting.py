"""The collection cases of the demo: one at the second letter, one that is paid in instalments, and one on hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from portal.core.audit import Actor
from portal.demo import deeds, paying
from portal.demo.emma_subscriptions import MANDATE
from portal.demo.people import EMMA, JAN
from portal.demo.selling import Item, number
from portal.demo.story import Story
from portal.domain.collections.instalments import Instalment, schedule
from portal.domain.collections.models import (
    CaseEvent,
    CaseStatus,
    CollectionCase,
    PaymentPlan,
    PlanInstalment,
    PlanStatus,
)
from portal.domain.payments.models import PaymentMethodKind
from portal.domain.subscriptions.cadence import add_months

DEMO = Actor.system("demo")
#: How many days ago the shop agreed to the plan.
AGREED = 79


@dataclass
class _Case:
    """A case of the story: whose, about which invoice, and the row once it was opened."""

    story: Story
    email: str
    invoice: str
    row: CollectionCase | None = None

    def open(self, now: datetime, *, stage: int = 1) -> CollectionCase:
        """The case, with the letter of its stage; the one before the reminder has none."""
        story, invoice = self.story, self.story.invoices[self.invoice]
        self.row = story.add(
            CollectionCase(
                mode=story.shop.mode,
                customer_id=story.customers[self.email].id,
                document_id=invoice.id,
                number=number(story, "collection_case", "K"),
                stage=stage,
                opened_on=story.local_day(now),
                stage_since=story.local_day(now),
                created_at=now,
            )
        )
        story.record("collection.opened", self.row, now=now, actor=DEMO)
        if stage:
            self._letter(self.row, now)
        return self.row

    def opened(self) -> CollectionCase:
        """The row, which the story has opened by now."""
        assert self.row is not None
        return self.row

    def escalate(self, now: datetime) -> None:
        """The next letter."""
        case = self.opened()
        case.stage, case.stage_since = case.stage + 1, self.story.local_day(now)
        self.story.record("collection.escalated", case, now=now, actor=DEMO, stage=case.stage)
        self._letter(case, now)

    def tell(self, kind: str, now: datetime, **data: object) -> None:
        """Something else that happened in it."""
        self.story.add(CaseEvent(case_id=self.opened().id, kind=kind, data=data, created_at=now))

    def _letter(self, case: CollectionCase, now: datetime) -> None:
        invoice = self.story.invoices[self.invoice]
        self.tell(
            "letter_sent", now, stage=case.stage, open_minor=invoice.open_minor, currency=invoice.currency
        )


def plan(story: Story) -> None:
    """All three."""
    _unpaid(story)
    _in_instalments(story)
    _on_hold(story)


def _unpaid(story: Story) -> None:
    """An invoice of Emma's that was due 46 days ago: the reminder two weeks later, the notice two weeks after that."""
    case = _Case(story, EMMA, "collection")
    story.at(story.moment(32, "09:00"), case.open)
    story.at(story.moment(18, "09:00"), case.escalate)


def _in_instalments(story: Story) -> None:
    """An older one, which she pays in six instalments; two of them are paid."""
    deeds.order(story, EMMA, "plan", story.moment(130, "20:04"), (Item("grinder"), Item("moka")))
    case = _Case(story, EMMA, "plan")
    story.at(story.moment(102, "09:00"), case.open)
    story.at(story.moment(88, "09:00"), case.escalate)
    story.at(story.moment(80, "10:20"), lambda now: case.tell("plan_requested", now, count=6))
    agreed: list[Instalment] = []
    story.at(story.moment(AGREED, "11:35"), lambda now: agreed.extend(_agree(case, now)))
    for position in (1, 2):
        days_ago = (story.today - add_months(story.day(AGREED), position)).days
        story.at(
            story.moment(days_ago, "07:30"),
            lambda now, position=position: _collect(case, agreed[position - 1], now),  # type: ignore[misc]
        )


def _agree(case: _Case, now: datetime) -> list[Instalment]:
    story, row = case.story, case.opened()
    total = story.invoices[case.invoice].open_minor
    instalments = schedule(total, 6, agreed_on=story.local_day(now))
    agreed = story.add(
        PaymentPlan(
            case_id=row.id,
            payment_method_id=story.methods[MANDATE].id,
            status=PlanStatus.ACTIVE,
            instalment_count=len(instalments),
            currency=story.shop.currency,
            total_minor=total,
            first_due_on=instalments[0].due_on,
            created_at=now,
        )
    )
    for each in instalments:
        story.add(
            PlanInstalment(
                plan_id=agreed.id, position=each.position, due_on=each.due_on, amount_minor=each.amount_minor
            )
        )
    row.status = CaseStatus.WITH_PLAN
    case.tell("plan_agreed", now, count=len(instalments))
    story.record("plan.active", agreed, now=now, total_minor=total)
    return instalments


def _collect(case: _Case, each: Instalment, now: datetime) -> None:
    story = case.story
    paying.pay(
        story,
        [story.invoices[case.invoice]],
        PaymentMethodKind.SEPA,
        now=now,
        saved=story.methods[MANDATE],
        amount_minor=each.amount_minor,
    )


def _on_hold(story: Story) -> None:
    """One of Jan's before any letter: he asked about it, and the owner looks into it."""
    case = _Case(story, JAN, "service-4")

    def hold(now: datetime) -> None:
        row = case.opened()
        row.status, row.held_on = CaseStatus.ON_HOLD, story.local_day(now)
        story.record("collection.on_hold", row, now=now)

    story.at(story.moment(4, "09:00"), lambda now: case.open(now, stage=0))
    story.at(story.moment(3, "15:40"), hold)
