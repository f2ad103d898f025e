"""What the demo's customers saved at the test bank: a mandate and a card."""

from __future__ import annotations

from datetime import date, datetime

from portal.blueprints.sandbox import book
from portal.core import links
from portal.core.audit import Actor
from portal.demo.paying import forget_what_was_due
from portal.demo.story import Story
from portal.domain.methods.models import MethodKind, MethodStatus, PaymentMethod
from portal.domain.methods.states import LIFE, Move

MANDATE = (
    "By signing this mandate you allow De Halve Maan (creditor {creditor}) to collect what you owe from your"
    " account, and your bank to carry this out. You are told at least 14 days before. Within eight weeks you can"
    " have your bank take the money back."
)


def save_method(
    story: Story,
    email: str,
    kind: MethodKind,
    *,
    number: str,
    masked: str,
    expires_on: date | None,
    now: datetime,
) -> PaymentMethod:
    """A mandate or a card that a customer saved, known to both books; the first of an account is its default."""
    customer = story.customers[email]
    place = links.external(story.shop.id, "home.index")
    reference = f"HM-{customer.id:05}-{len(story.methods) + 1}"
    at_bank = book.begin_method(
        idempotency_key=f"demo-{reference}",
        kind=kind.value,
        customer=customer.public_id,
        holder=customer.name,
        reference=reference,
        return_url=place,
        webhook_url=links.external(story.shop.id, "hooks.receive", provider="sandbox"),
        locale="en",
        now=now,
    )
    account = book.Account(number, masked, expires_on)
    book.sign_method(at_bank, account, holder=customer.name, now=now)
    at_bank.told_at = now
    forget_what_was_due(at_bank.bank_id, now=now)
    is_mandate = kind is MethodKind.SEPA
    method = PaymentMethod(
        mode=story.shop.mode,
        customer_id=customer.id,
        provider="sandbox",
        provider_ref=at_bank.bank_id,
        customer_ref=customer.public_id,
        kind=kind,
        is_default=email not in {each.rpartition(":")[0] for each in story.methods},
        masked=masked,
        holder=customer.name,
        fingerprint=at_bank.fingerprint,
        reference=reference if is_mandate else None,
        mandate_text=MANDATE.format(creditor=story.shop.creditor_id) if is_mandate else "",
        signed_on=story.local_day(now),
        expires_on=expires_on,
        created_at=now,
    )
    story.add(method)
    method.status = LIFE.next(MethodStatus.PENDING, Move.CONFIRM) or MethodStatus.VALID
    story.record("method.saved", method, now=now, actor=Actor.person(story.people[email]), kind=kind.value)
    story.methods[f"{email}:{kind.value}"] = method
    return method
