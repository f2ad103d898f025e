"""Fifty clicks at once on what moves money back or stops it: parts, objections, plans, notes, undoing, paying out."""

from __future__ import annotations

import re
import secrets
from decimal import Decimal

from portal.core import clock
from portal.core.audit import Actor, AuditEntry
from portal.core.vat import VatCategory
from portal.domain.collections.models import PaymentPlan
from portal.domain.invoices import editing
from portal.domain.invoices.drafts import LineInput
from portal.domain.invoices.models import CreditEntry, CreditUse, Document, DocumentKind
from portal.domain.payments.models import Payment, PaymentStatus, Refund
from portal.domain.people.models import Customer
from portal.domain.shops.models import Shop
from portal.domain.tickets.models import Ticket, TicketType
from portal.extensions import db
from soak.clicking import Click, at_once, counted, one_by_one, posts, same, told
from soak.report import Part
from soak.scene import Scene
from soak.sections import paid, staff
from soak.visitor import Visitor
from tests.rows import make_case, make_ticket


def pay_parts(part: Part, scene: Scene, where: str) -> None:
    """Half of them pay one part, half another: one attempt is left, of one of the two."""
    bill = scene.bill()
    with scene.portal.scope() as ids:
        db.session.get_one(Shop, ids.shop).allow_part_payment = True
        db.session.commit()
    page = f"/customer/invoices/{bill.public_id}"
    emma = scene.emma()
    windows = same(emma, scene)
    clicks = posts(windows[::2], page, {"method": "ideal", "amount": "20.00"}, to=f"{page}/pay")
    clicks += posts(windows[1::2], page, {"method": "ideal", "amount": "30.00"}, to=f"{page}/pay")
    seen, wrong, _ = at_once(clicks)
    running = [
        each.amount_minor
        for each in scene.payments(bill)
        if each.status in (PaymentStatus.CREATED, PaymentStatus.OPEN)
    ]
    if running not in ([2_000], [3_000]):
        wrong.append(f"attempts of {running} are running")
    part.row(f"pay two parts ({where}): one attempt is left", told(seen), wrong)


def object_to(part: Part, scene: Scene, where: str) -> None:
    """From windows that were opened one by one: one objection."""
    bill = scene.bill()
    page = f"/customer/invoices/{bill.public_id}/dispute"
    clicks = one_by_one(same(scene.emma(), scene), page, {"line": "1", "body": "Never ordered."})
    seen, wrong, _ = at_once(clicks)
    wrong += counted(scene, Ticket, Ticket.document_id == bill.id, Ticket.type == TicketType.DISPUTE)
    part.row(f"object to an invoice ({where}): one ticket", told(seen), wrong)


def ask_for_a_plan(part: Part, scene: Scene, where: str) -> None:
    """To pay in three: one request."""
    bill = scene.bill(30_000)
    with scene.portal.scope() as ids:
        case = make_case(
            ids.emma_account,
            document=db.session.get_one(Document, bill.id),
            opened_on=clock.today("Europe/Amsterdam"),
            created_at=clock.now(),
        )
        page, id_ = f"/customer/collections/{case.public_id}", case.id
        db.session.commit()
    data = {"instalments": "3", "message": "", "total": str(bill.total_minor)}
    seen, wrong, _ = at_once(posts(same(scene.emma(), scene), page, data, to=f"{page}/plan"))
    wrong += counted(scene, PaymentPlan, PaymentPlan.case_id == id_)
    part.row(f"ask to pay in parts ({where}): one request", told(seen), wrong)


def finalise(part: Part, scene: Scene, where: str) -> None:
    """A draft: one number, one mail."""
    with scene.portal.scope() as ids:
        draft = editing.begin(
            secrets.token_urlsafe(16),
            [LineInput("Bread", Decimal(1), Decimal(350), Decimal(9), VatCategory.REDUCED)],
            note="",
            shop=db.session.get_one(Shop, ids.shop),
            customer=db.session.get_one(Customer, ids.emma_account),
            now=clock.now(),
            actor=Actor.system("soak"),
        )
        db.session.commit()
        page, id_, version = f"/office/invoices/{draft.public_id}/finalise", draft.id, str(draft.version)
    clicks = posts(same(staff(scene), scene), page, {"version": version, "sends": "y"})
    seen, wrong, _ = at_once(clicks)
    wrong += traces(scene, "invoice.issued", id_)
    part.row(f"finalise a draft ({where}): once", told(seen), wrong)


def credit(part: Part, scene: Scene, where: str) -> None:
    """All of an invoice, asked for and confirmed in fifty windows: one note."""
    bill, clerk = scene.bill(), staff(scene)
    page = f"/office/invoices/{bill.public_id}/credit"
    seen, wrong, _ = at_once(posts(same(clerk, scene), page, all_of_it(clerk, page)))
    wrong += counted(
        scene, Document, Document.original_id == bill.id, Document.kind == DocumentKind.CREDIT_NOTE
    )
    if scene.document(bill).open_minor:
        wrong.append(f"{scene.document(bill).open_minor} is open")
    part.row(f"credit an invoice ({where}): one note", told(seen), wrong)


def undo(part: Part, scene: Scene, where: str) -> None:
    """Money that was typed in by mistake: taken back once, and the invoice is open again."""
    bill, clerk, key = scene.bill(), staff(scene), secrets.token_urlsafe(16)
    today = clock.today("Europe/Amsterdam").isoformat()
    data = {"amount": "49.00", "method": "transfer", "paid_on": today, "reference": "", "key": key}
    clerk.post(f"/office/invoices/{bill.public_id}/payment", data)
    (payment,) = scene.payments(bill)
    page = f"/office/invoices/{bill.public_id}/payments/{payment.public_id}/undo"
    seen, wrong, _ = at_once(posts(same(clerk, scene), page, {"reason": "Of somebody else"}))
    wrong += traces(scene, "payment.undone", payment.id)
    wrong += counted(scene, Payment, Payment.id == payment.id, Payment.status == PaymentStatus.REVERSED)
    if scene.document(bill).open_minor != bill.total_minor:
        wrong.append(f"{scene.document(bill).open_minor} of {bill.total_minor} is open")
    part.row(f"take a payment back ({where}): once", told(seen), wrong)


def pay_out(part: Part, scene: Scene, where: str) -> None:
    """What a customer asked back, marked as paid out in windows that were opened one by one: once."""
    bill, clerk = paid(scene), staff(scene)
    page = f"/office/invoices/{bill.public_id}/credit"
    clerk.post(page, all_of_it(clerk, page))
    with scene.portal.scope() as ids:
        ticket = make_ticket(ids.emma_account, type=TicketType.REFUND_REQUEST, document_id=bill.id)
        to = f"/office/invoices/{bill.public_id}/refund?ticket={ticket.public_id}"
        db.session.commit()
    today = clock.today("Europe/Amsterdam").isoformat()
    data = {
        "amount": "49.00",
        "way": "own_bank",
        "paid_on": today,
        "reference": "",
        "body": "It is on its way.",
    }
    seen, wrong, _ = at_once(one_by_one(same(clerk, scene), to, data))
    wrong += counted(
        scene, CreditEntry, CreditEntry.document_id == bill.id, CreditEntry.use == CreditUse.REFUND
    )
    part.row(f"pay credit out ({where}): taken once", told(seen), wrong)


def pay_back(part: Part, scene: Scene, where: str) -> None:
    """The same by the provider of its payment: half of the windows ask for one part, half for another."""
    bill, clerk = paid(scene), staff(scene)
    page = f"/office/invoices/{bill.public_id}/credit"
    clerk.post(page, all_of_it(clerk, page))
    (payment,) = scene.payments(bill)
    to = f"/office/invoices/{bill.public_id}/refund"
    windows = same(clerk, scene)
    data = {"way": payment.public_id, "paid_on": "", "reference": "", "body": "It is on its way."}
    clicks = one_by_one(windows[::2], to, {**data, "amount": "20.00"})
    clicks += one_by_one(windows[1::2], to, {**data, "amount": "30.00"})
    seen, wrong, _ = at_once(clicks)
    with scene.portal.scope():
        made = sum(each.amount_minor for each in db.session.query(Refund).filter_by(payment_id=payment.id))
    if not 0 < made <= payment.received_minor or payment.received_minor - made >= 2_000:
        wrong.append(f"{made} of {payment.received_minor} goes back")
    part.row(f"pay back by the provider ({where}): all of it and no more", told(seen), wrong)


def all_of_it(clerk: Visitor, page: str) -> dict[str, str]:
    """What confirms a note on all of an invoice, as the page that asks has it."""
    chosen = {"everything": "y", "note": "", "told": ""}
    asked = clerk.post(page, chosen)
    said = re.search(r'name="told"[^>]*value="([^"]+)"', asked.text)
    assert said is not None, f"{page} does not ask: {asked.status}"
    return {**chosen, "told": said[1]}


def traces(scene: Scene, event: str, id_: int) -> list[str]:
    """What is wrong when the audit log has not exactly one entry of it."""
    return counted(scene, AuditEntry, AuditEntry.event == event, AuditEntry.subject_id == id_)


CLICKED: tuple[Click, ...] = (
    pay_parts, object_to, ask_for_a_plan, finalise, credit, undo, pay_out, pay_back,
)  # fmt: skip
