"""The same webhook a hundred times, in any order, forged, and for another shop: booked once, or refused."""

from __future__ import annotations

import hashlib
import hmac
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import sqlalchemy as sa

from portal.domain.payments.models import Payment, PaymentStatus
from portal.domain.payments.registry import derived_key
from portal.extensions import db
from portal.providers.sandbox import SIGNATURE_HEADER
from soak import books
from soak.bank import Bank
from soak.books import Ledger
from soak.installation import Portal
from soak.report import Part
from soak.scene import Scene
from soak.visitor import Answer, CutOff, Visitor
from tests import cast
from tests.services import SmtpService

TIMES = 100
HOOK = "/hooks/sandbox"


def run(part: Part, folder: Path, server: SmtpService, seed: int, where: str, **settings: str) -> None:
    before = len(server.log())
    portal = Portal(folder, smtp_url=server.url, **settings)
    with Bank(portal.port) as bank:
        portal.env["SOAK_BANK_URL"] = bank.url
        with portal:
            scene = Scene(portal)
            hundred(part, scene, where)
            any_order(part, scene, where, random.Random(seed))
            forged(part, scene, where)
            other_shop(part, scene, bank, where)
            left = books.settle(portal)
            ledger = Ledger(portal, server.log()[before:])
            part.row(
                f"webhooks ({where}): the books are the bank's",
                ledger.told,
                [*left, *ledger.everything_wrong()],
            )


def knock(visitor: Visitor, bank_id: str, *, signed_by: str | None = None) -> Answer:
    """One webhook as the bank sends it."""
    body = urlencode({"id": bank_id}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if signed_by is not None:
        headers[SIGNATURE_HEADER] = hmac.new(signed_by.encode(), body, hashlib.sha256).hexdigest()
    return visitor.send("POST", HOOK, body, headers)


def statuses(scene: Scene, bank_ids: list[str]) -> Counter[int]:
    """All of these at once, each from an address of its own."""

    def one(bank_id: str) -> int:
        try:
            return knock(scene.visitor(), bank_id).status
        except CutOff:
            return 0

    with ThreadPoolExecutor(len(bank_ids)) as pool:
        return Counter(pool.map(one, bank_ids))


def said(found: Counter[int]) -> str:
    """200 × 97, 503 × 3."""
    return ", ".join(f"{count} × {status}" for status, count in sorted(found.items()))


def hundred(part: Part, scene: Scene, where: str) -> None:
    """The same one, a hundred times at once."""
    bill, payer = scene.bill(), scene.visitor()
    checkout = payer.pay(bill.link).location
    payer.decide(checkout, "paid", "never")
    found = statuses(scene, [checkout.rpartition("/")[2]] * TIMES)
    wrong = [f"{count} answers of {status}" for status, count in found.items() if status not in (200, 503)]
    if not found[200]:
        wrong.append("none was taken")
    if scene.document(bill).open_minor or scene.paid_times(bill) != 1:
        wrong.append(f"paid {scene.paid_times(bill)} times, {scene.document(bill).open_minor} open")
    with scene.portal.scope():
        from portal.domain.payments.queries import list_events_of

        events = [event.status for event in list_events_of(scene.payments(bill)[0].id)]
    if events.count(PaymentStatus.PAID) != 1:
        wrong.append(f"it became paid {events.count(PaymentStatus.PAID)} times")
    part.row(f"webhooks ({where}): the same one at once, booked once", said(found), wrong)


def any_order(part: Part, scene: Scene, where: str, chance: random.Random) -> None:
    """Paid, charged back, won, while webhooks of three payments arrive in any order all the time."""
    bills = [scene.bill() for _ in range(3)]
    checkouts = []
    for bill in bills:
        payer = scene.visitor()
        checkouts.append((payer, payer.pay(bill.link).location))
    ids = [checkout.rpartition("/")[2] for _, checkout in checkouts]
    order = {0: ["paid"], 1: ["paid", "charge_back"], 2: ["paid", "charge_back", "win_chargeback"]}
    knocks = ids * (TIMES // 3) + ids[:1]
    chance.shuffle(knocks)
    found: Counter[int] = Counter()
    with ThreadPoolExecutor(8) as pool:
        running = [pool.submit(_status, scene, each) for each in knocks]
        for step in range(3):
            for who in chance.sample(range(3), 3):
                if step < len(order[who]):
                    payer, checkout = checkouts[who]
                    payer.decide(checkout, order[who][step], "never")
        found.update(each.result() for each in running)
    for bank_id in ids:
        found[_status(scene, bank_id)] += 1
    wrong = [f"{count} answers of {status}" for status, count in found.items() if status not in (200, 503)]
    meant = (PaymentStatus.PAID, PaymentStatus.REVERSED, PaymentStatus.PAID)
    for bill, status in zip(bills, meant, strict=True):
        (payment,) = scene.payments(bill)
        left = scene.document(bill).open_minor
        if payment.status is not status or bool(left) is not (status is PaymentStatus.REVERSED):
            wrong.append(f"{bill.number} is {payment.status} with {left} open, not {status}")
    part.row(f"webhooks ({where}): in any order while the bank moves on", said(found), wrong)


def _status(scene: Scene, bank_id: str) -> int:
    try:
        return knock(scene.visitor(), bank_id).status
    except CutOff:
        return 0


def forged(part: Part, scene: Scene, where: str) -> None:
    """Webhooks that no bank sent."""
    bill, payer = scene.bill(), scene.visitor()
    checkout = payer.pay(bill.link).location
    payer.decide(checkout, "paid", "never")
    bank_id = checkout.rpartition("/")[2]
    with scene.portal.scope() as ids:
        ours, others = derived_key("sandbox", ids.shop), derived_key("sandbox", ids.other_shop)
    plain = scene.visitor()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    asked = {
        "signed by nobody": (knock(plain, bank_id, signed_by="guess").status, 400),
        "signed by another shop": (knock(plain, bank_id, signed_by=others).status, 400),
        "an empty signature": (plain.send("POST", HOOK, b"id=x", {**form, SIGNATURE_HEADER: ""}).status, 400),
        "an id nobody knows, signed": (knock(plain, "sbp_" + "A" * 22, signed_by=ours).status, 200),
        "two ids": (plain.send("POST", HOOK, f"id=x&id={bank_id}".encode(), form).status, 200),
        "an id that is a path": (plain.send("POST", HOOK, b"id=../../payments", form).status, 200),
        "no id": (plain.send("POST", HOOK, b"", form).status, 200),
        "bytes": (plain.send("POST", HOOK, bytes(range(256)), form).status, 200),
        "our own reference": (knock(plain, scene.payments(bill)[0].public_id).status, 200),
        "too much": (plain.send("POST", HOOK, b"id=" + b"x" * 70_000, form).status, 413),
        "another provider": (plain.send("POST", "/hooks/stripe", b"id=x", form).status, 404),
        "by reading": (plain.get(f"{HOOK}?id={bank_id}").status, 405),
    }
    wrong = [f"{name}: {status}, not {meant}" for name, (status, meant) in asked.items() if status != meant]
    if scene.paid_times(bill):
        wrong.append("one of them was believed")
    if knock(plain, bank_id, signed_by=ours).status != 200 or scene.paid_times(bill) != 1:
        wrong.append("the real one is not taken any more")
    part.row(f"webhooks ({where}): forged ones are refused or change nothing", f"{len(asked)} kinds", wrong)


def other_shop(part: Part, scene: Scene, bank: Bank, where: str) -> None:
    """This shop's payment told to another shop, which waits for an answer of its own."""
    bill, payer = scene.bill(), scene.visitor()
    checkout = payer.pay(bill.link).location
    payer.decide(checkout, "paid", "never")
    bank_id = checkout.rpartition("/")[2]
    portal = scene.portal
    assert portal.ids is not None
    with portal.scope(portal.ids.other_shop) as ids:
        from portal.core import clock
        from portal.domain.invoices.links import payment_url

        link = payment_url(cast.make_invoice(ids.dora_account, amount_minor=4_900, now=clock.now()))
        db.session.commit()
        theirs = derived_key("sandbox", ids.other_shop)
    dora = scene.visitor(host=cast.OTHER_HOST)
    bank.swallow = True
    dora.pay(link)  # an attempt whose answer was lost: what an unknown id might belong to
    bank.honest()
    found: Counter[int] = Counter()
    for number in range(TIMES):
        found[knock(dora, bank_id, signed_by=theirs if number % 2 else None).status] += 1
    wrong = [f"{count} answers of {status}" for status, count in found.items() if status != 200]
    with portal.scope(portal.ids.other_shop):
        stolen = db.session.scalars(sa.select(Payment).where(Payment.status == PaymentStatus.PAID)).all()
    if stolen or scene.paid_times(bill):
        wrong.append("it was booked")
    if knock(scene.visitor(), bank_id).status != 200 or scene.paid_times(bill) != 1:
        wrong.append("its own shop does not take it any more")
    started = dora.pay(link)
    dora.go_back(dora.decide(started.location, "paid", "never").location)
    with portal.scope(portal.ids.other_shop):
        paid = db.session.scalars(sa.select(Payment).where(Payment.status == PaymentStatus.PAID)).all()
    if len(paid) != 1:
        wrong.append(f"the other shop's own payment was booked {len(paid)} times")
    part.row(f"webhooks ({where}): for another shop, books nothing there", said(found), wrong)
