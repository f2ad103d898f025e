"""Fifty clicks at once on what the sections do: files, several invoices, subscriptions, requests, and the office."""

from __future__ import annotations

import re
import secrets
from datetime import timedelta

from portal.core import clock, storage
from portal.core.audit import AuditEntry
from portal.core.mailer import MailMessage
from portal.domain.orders.models import Download
from portal.domain.payments.models import Payment
from portal.domain.subscriptions.models import ChangeKind, SubscriptionChange
from portal.domain.tickets.models import Ticket, TicketType
from portal.extensions import db
from soak import books
from soak.clicking import Click, at_once, counted, one_by_one, posts, same, told
from soak.report import Part
from soak.scene import Bill, Scene
from soak.visitor import Visitor
from tests import cast
from tests.rows import make_billed, make_download, make_order

#: How often the file may be fetched that fifty windows ask for.
LIMIT = 20


def fetch_a_file(part: Part, scene: Scene, where: str) -> None:
    """A bought file: as often as it was sold, and each of those counted."""
    with scene.portal.scope() as ids:
        key = storage.put(f"shops/{ids.shop}/files/clicks.pdf", b"%PDF-1.7 not really\n%%EOF\n")
        now = clock.now()
        order = make_order(ids.emma_account, number=f"O-{secrets.token_hex(4)}")
        file = make_download(order, storage_key=key, download_limit=LIMIT, expires_at=now + timedelta(days=1))
        page, path, id_ = f"/customer/orders/{order.public_id}", file.public_id, file.id
        db.session.commit()
    clicks = posts(same(scene.emma(), scene), page, {}, to=f"{page}/files/{path}")
    seen, wrong, answers = at_once(clicks)
    given = sum("/download/" in answer.location for answer in answers)
    with scene.portal.scope():
        used = db.session.get_one(Download, id_).downloads_used
        traces = db.session.query(AuditEntry).filter_by(event="download.used", subject_id=id_).count()
    if (used, traces, given) != (LIMIT, LIMIT, LIMIT):
        wrong.append(f"{used} counted, {traces} in the audit log, {given} led to the file")
    part.row(f"fetch a bought file ({where}): as often as it may be", told(seen), wrong)


def pay_several(part: Part, scene: Scene, where: str) -> None:
    """Two invoices in one payment."""
    bills = [scene.bill(), scene.bill()]
    page = "/customer/invoices/pay?" + "&".join(f"invoice={bill.public_id}" for bill in bills)
    total = str(sum(bill.total_minor for bill in bills))
    seen, wrong, _ = at_once(posts(same(scene.emma(), scene), page, {"method": "ideal", "total": total}))
    attempts = {payment.public_id for bill in bills for payment in scene.payments(bill)}
    if len(attempts) != 1:
        wrong.append(f"{len(attempts)} attempts")
    part.row(f"pay two invoices ({where}): one attempt", told(seen), wrong)


def cancel(part: Part, scene: Scene, where: str) -> None:
    """A subscription: one end, one ticket, one mail."""
    with scene.portal.scope() as ids:
        subscription, _invoice = make_billed(ids.emma_account)
        page, id_ = f"/customer/subscriptions/{subscription.public_id}/cancel", subscription.id
        db.session.commit()
    emma = scene.emma()
    said = hidden(emma, page, "told")
    clicks = posts(same(emma, scene), page, {"reason": "other", "message": "", "told": said})
    seen, wrong, _ = at_once(clicks)
    wrong += counted(
        scene,
        SubscriptionChange,
        SubscriptionChange.subscription_id == id_,
        SubscriptionChange.kind == ChangeKind.CANCEL,
    )
    wrong += counted(scene, Ticket, Ticket.subscription_id == id_)
    part.row(f"cancel a subscription ({where}): one end, one ticket", told(seen), wrong)


def ask_money_back(part: Part, scene: Scene, where: str) -> None:
    """From fifty windows that were opened one by one: one ticket."""
    bill = paid(scene)
    page = f"/customer/invoices/{bill.public_id}/refund"
    clicks = one_by_one(same(scene.emma(), scene), page, {"subject": "Money back", "body": "It was cold."})
    seen, wrong, _ = at_once(clicks)
    wrong += counted(scene, Ticket, Ticket.document_id == bill.id, Ticket.type == TicketType.REFUND_REQUEST)
    part.row(f"ask for money back ({where}): one ticket", told(seen), wrong)


def register_money(part: Part, scene: Scene, where: str) -> None:
    """In the office, one form sent fifty times: booked once."""
    bill = scene.bill()
    page, key = f"/office/invoices/{bill.public_id}/payment", secrets.token_urlsafe(16)
    today = clock.today("Europe/Amsterdam").isoformat()
    data = {"amount": "49.00", "method": "transfer", "paid_on": today, "reference": "", "key": key}
    seen, wrong, _ = at_once(posts(same(staff(scene), scene), page, data))
    wrong += counted(scene, Payment, Payment.idempotency_key == f"staff-{key}")
    if scene.document(bill).open_minor:
        wrong.append(f"{scene.document(bill).open_minor} is open")
    part.row(f"register a payment ({where}): booked once", told(seen), wrong)


def remind(part: Part, scene: Scene, where: str) -> None:
    """In the office: one mail."""
    bill = scene.bill()
    page = f"/office/invoices/{bill.public_id}"
    seen, wrong, _ = at_once(posts(same(staff(scene), scene), page, {}, to=f"{page}/remind"))
    wrong += counted(
        scene,
        MailMessage,
        MailMessage.related == f"document:{bill.public_id}",
        MailMessage.name == "payment_reminder",
    )
    part.row(f"remind of an invoice ({where}): one mail", told(seen), wrong)


def staff(scene: Scene) -> Visitor:
    """Saskia, signed in to the office."""
    visitor = scene.visitor()
    answer = visitor.post("/office/login", {"email": "saskia@example.com", "password": cast.PASSWORD})
    assert answer.status == 303, f"Saskia could not log in: {answer.status}"
    return visitor


def paid(scene: Scene) -> Bill:
    """An invoice that was paid at the bank."""
    bill, payer = scene.bill(), scene.visitor()
    payer.go_back(payer.decide(payer.pay(bill.link).location, "paid", "before").location)
    books.settle(scene.portal)
    return bill


def hidden(visitor: Visitor, page: str, name: str) -> str:
    """What a page keeps in a hidden field."""
    found = re.search(rf'name="{name}"[^>]*value="([^"]*)"', visitor.get(page).text)
    assert found is not None, f"{page} keeps no {name}"
    return found[1]


CLICKED: tuple[Click, ...] = (
    fetch_a_file, pay_several, cancel, ask_money_back, register_money, remind,
)  # fmt: skip
