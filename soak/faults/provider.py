"""A payment provider that is gone, slow, broken, or lies: nothing paid twice, nothing booked that did not come."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from pathlib import Path

from portal.domain.payments.models import PaymentStatus
from soak import books
from soak.bank import Bank, Lie, changed, instead
from soak.books import Ledger
from soak.installation import Portal
from soak.report import Part
from soak.scene import Bill, Scene
from soak.visitor import Answer, CutOff
from tests.services import SmtpService

#: More than the ten seconds that the portal waits for its bank.
TOO_SLOW = 11.0


def _cut(status: int, body: bytes) -> tuple[int, bytes]:
    return status, body[: len(body) // 2]


def _nowhere(bank: Bank) -> None:
    bank.closed = True


def _late(bank: Bank) -> None:
    bank.wait = TOO_SLOW


def _unheard(bank: Bank) -> None:
    bank.swallow = True


def _lying(lie: Lie) -> Callable[[Bank], None]:
    def begin(bank: Bank) -> None:
        bank.lie = lie

    return begin


#: What goes wrong with any call.
TROUBLE: tuple[tuple[str, Callable[[Bank], None]], ...] = (
    ("gone", _nowhere),
    ("slow", _late),
    ("does it, and its answer is lost", _unheard),
    ("500", _lying(instead(500, b"oops"))),
    ("503", _lying(instead(503, b""))),
    ("302", _lying(instead(302, b""))),
    ("200 with a page", _lying(instead(200, b"<!doctype html><p>Maintenance"))),
    ("200 with half of the answer", _lying(_cut)),
    ("200 with an empty object", _lying(instead(200, b"{}"))),
    ("200 with a list", _lying(instead(200, b"[]"))),
    ("200 with 300 KB of nothing", _lying(instead(200, b" " * 300_000))),
    ("200 that is no text", _lying(instead(200, bytes(range(256))))),
    ("a status nobody knows", _lying(changed(status="enlightened"))),
)
#: What a new payment may be answered with.
STARTS: tuple[tuple[str, Callable[[Bank], None]], ...] = (
    ("an endless id", _lying(changed(id="x" * 5000))),
    ("an id with a NUL", _lying(changed(id="a\0b"))),
    ("no id", _lying(changed(id=""))),
    ("an endless address", _lying(changed(checkout_url="https://bank.example/" + "x" * 5000))),
    ("an address that is a script", _lying(changed(checkout_url="javascript:alert(1)"))),
    ("an address that is none", _lying(changed(checkout_url="http://[::"))),
    ("an address that is a number", _lying(changed(checkout_url=7))),
    ("an end that is no time", _lying(changed(expires_at="tomorrow"))),
    ("an end without a zone", _lying(changed(expires_at="2026-11-27T10:00:00"))),
)
#: What goes wrong when it is asked, and must neither be booked nor believed.
NONSENSE: tuple[tuple[str, Lie], ...] = (
    ("another payment's id", changed(id="sbp_" + secrets.token_urlsafe(16))),
    ("another shop's reference", changed(reference="A" * 22)),
    ("an amount with a point", changed(amount={"minor": 49.0, "currency": "EUR"})),
    ("an amount in a text", changed(amount={"minor": "4900", "currency": "EUR"})),
    ("no amount", changed(amount=None)),
    ("nothing, but paid", changed(amount={"minor": 0, "currency": "EUR"})),
    ("less than nothing", changed(amount={"minor": -4900, "currency": "EUR"})),
    ("another currency", changed(amount={"minor": 4900, "currency": "USD"})),
    ("a currency that is none", changed(amount={"minor": 4900, "currency": "€€€"})),
    ("details without end", changed(details={"account": "x" * 100_000})),
    ("details with a NUL", changed(details={"account": "a\0b"})),
    ("a payment in the year 9999999", changed(paid_at="9999999-01-01T00:00:00+00:00")),
    ("a payment without a zone", changed(paid_at="2026-11-27T10:00:00")),
    ("a way to pay nobody knows", changed(method="shells")),
    ("refunds that are none", changed(refunds=[{"id": 1}])),
    ("more than there is money", changed(amount={"minor": 10**30, "currency": "EUR"})),
)


def run(part: Part, folder: Path, server: SmtpService, seed: int) -> None:
    before = len(server.log())
    portal = Portal(folder, smtp_url=server.url)
    with Bank(portal.port) as bank:
        portal.env["SOAK_BANK_URL"] = bank.url
        with portal:
            scene = Scene(portal)
            at_start(part, scene, bank)
            at_return(part, scene, bank)
            at_webhook(part, scene, bank)
            left = books.settle(portal)
            ledger = Ledger(portal, server.log()[before:])
            part.row(
                "provider: once it is honest again the books are its own, and nothing is lost or twice",
                f"{ledger.told}, {bank.calls} calls",
                [*left, *ledger.everything_wrong()],
            )
            # Last, as what it does to the books is what the bank then wrongly said.
            wrong_amounts(part, scene, bank)


def at_start(part: Part, scene: Scene, bank: Bank) -> None:
    """Trouble between the click and the bank's page; then the click is repeated."""
    wrong: list[str] = []
    for name, begin in (*TROUBLE, *STARTS):
        bill = scene.bill()
        payer = scene.visitor()
        begin(bank)
        first = payer.pay(bill.link)
        bank.honest()
        wrong += [f"{name}: {each}" for each in clear(first)]
        if scene.document(bill).open_minor != bill.total_minor:
            wrong.append(f"{name}: something was booked")
        wrong += [f"{name}: {each}" for each in paid_in_the_end(scene, bill)]
    part.row(
        "provider in trouble when a payment is started: a sentence, nothing paid, and the next click goes on",
        f"{len(TROUBLE) + len(STARTS)} kinds",
        wrong,
    )


def clear(answer: Answer) -> list[str]:
    """What is wrong with a refusal."""
    if answer.status == 303 and "/pay/" in answer.location:
        return []  # under way: the page it leads to says so
    if answer.status != 422 or "Nothing was paid" not in answer.text:
        return [f"answered {answer.status} without saying that nothing was paid"]
    return []


def paid_in_the_end(scene: Scene, bill: Bill) -> list[str]:
    """Pays it now; what is wrong with that."""
    payer = scene.visitor()
    started = payer.pay(bill.link)
    if started.status != 303 or "/sandbox/" not in started.location:
        return [f"the next click answered {started.status} and leads to {started.location or 'nowhere'}"]
    decided = payer.decide(started.location, "paid", "never")
    payer.go_back(decided.location)
    found = []
    if scene.document(bill).open_minor:
        found.append("paid at the bank, and still open here")
    if scene.paid_times(bill) != 1:
        found.append(f"paid {scene.paid_times(bill)} times")
    return found


def at_return(part: Part, scene: Scene, bank: Bank) -> None:
    """The customer has paid and comes back, and the bank cannot or will not say it."""
    cases = [*TROUBLE, *((name, _lying(lie)) for name, lie in NONSENSE)]
    wrong: list[str] = []
    for name, begin in cases:
        bill, payer = scene.bill(), scene.visitor()
        decided = payer.decide(payer.pay(bill.link).location, "paid", "never")
        begin(bank)
        try:
            back = payer.go_back(decided.location)
            again = payer.go_back(decided.location)
        except CutOff as cut:
            wrong.append(f"{name}: {cut}")
            continue
        finally:
            bank.honest()
        if (back.status, again.status) != (200, 200):
            wrong.append(f"{name}: coming back answered {back.status} and {again.status}")
        if scene.document(bill).open_minor != bill.total_minor:
            wrong.append(f"{name}: it was booked")
        payer.go_back(decided.location)
        if scene.document(bill).open_minor or scene.paid_times(bill) != 1:
            wrong.append(f"{name}: an honest answer later it is still not booked")
    part.row(
        "provider in trouble or talking nonsense at the return: the page waits, nothing is booked, and later it is",
        f"{len(cases)} kinds",
        wrong,
    )


def at_webhook(part: Part, scene: Scene, bank: Bank) -> None:
    """The bank tells, and does not answer when it is asked: it must be made to tell again."""
    wrong: list[str] = []
    bills: list[Bill] = []
    for name, begin in TROUBLE:
        bill, payer = scene.bill(), scene.visitor()
        checkout = payer.pay(bill.link).location
        begin(bank)
        try:
            payer.decide(checkout, "paid", "before")
            told = payer.send("POST", "/hooks/sandbox", f"id={checkout.rpartition('/')[2]}".encode())
            # While it still lies: honest again, its next call may be there before this looks.
            left_open = scene.document(bill).open_minor
        finally:
            bank.honest()
        if told.status != 503:
            wrong.append(f"{name}: the webhook answered {told.status}, so nobody would call again")
        if left_open != bill.total_minor:
            wrong.append(f"{name}: it was booked")
        bills.append(bill)
    left = books.settle(scene.portal)
    wrong += [f"{bill.number} is still open" for bill in bills if scene.document(bill).open_minor]
    part.row(
        "provider in trouble when asked after a webhook: 503, the webhook comes again and is booked",
        f"{len(TROUBLE)} kinds",
        [*wrong, *left],
    )


def wrong_amounts(part: Part, scene: Scene, bank: Bank) -> None:
    """Another amount than was asked: what came is booked, too much is credit, and somebody is told to look."""
    wrong: list[str] = []
    amounts = (1, 4_899, 4_901, 49_000)
    for amount in amounts:
        bill, payer = scene.bill(4_900), scene.visitor()
        decided = payer.decide(payer.pay(bill.link).location, "paid", "never")
        bank.lie = changed(amount={"minor": amount, "currency": "EUR"})
        payer.go_back(decided.location)
        bank.honest()
        for _ in range(2):
            payer.go_back(decided.location)
        (payment,) = scene.payments(bill)
        document = scene.document(bill)
        if (payment.status, payment.received_minor) != (PaymentStatus.PAID, amount):
            wrong.append(f"{amount}: {payment.status} with {payment.received_minor}")
        if document.open_minor != max(0, bill.total_minor - amount):
            wrong.append(f"{amount} of {bill.total_minor} leaves {document.open_minor} open")
        if payment.details.get("mismatch", {}).get("reported_minor") != amount:
            wrong.append(f"{amount}: nobody is told to look: {json.dumps(payment.details)}")
    status, said = scene.portal.try_flask("invoice", "check", "--shop", "shop.example.test")
    if status:
        wrong.append(said[-200:])
    part.row(
        "provider reports another amount: booked as it came, once, and marked",
        f"{len(amounts)} amounts; {said.strip()[-40:]}",
        wrong,
    )
