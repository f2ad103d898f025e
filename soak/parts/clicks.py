"""Fifty clicks at once on everything that pays, cancels, downloads, numbers or uses up a link: one effect."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from portal.blueprints.sandbox.models import BankStatus, SandboxPayment
from portal.core import clock
from portal.core.audit import AuditEntry
from portal.core.mailer import MailMessage
from portal.core.outbox import OutboxRow
from portal.domain.invoices.models import DocumentFile
from portal.domain.notices.models import Audience, Notice, NoticeMark
from portal.domain.payments.models import PaymentEvent, PaymentStatus
from portal.domain.people.models import Customer, Person
from portal.domain.shops.models import Shop
from portal.extensions import db
from soak import books, corrections, sections
from soak.books import Ledger
from soak.clicking import CLICKS, Click, at_once, counted, posts, same, told
from soak.installation import Portal
from soak.report import Part
from soak.scene import Bill, Scene
from soak.services import postgres, smtp
from soak.visitor import Answer, Visitor
from tests.services import SmtpService

SECONDS = 900
#: Processes that number at once, and how many invoices each makes.
NUMBERING = (5, 10)


def run(seed: int) -> Part:
    part = Part()
    with tempfile.TemporaryDirectory(prefix="loket-soak-") as name, smtp(Path(name) / "smtp") as server:
        folder = Path(name)
        on_database(part, "SQLite", folder / "sqlite", server)
        with postgres() as cluster:
            on_database(part, "PostgreSQL", folder / "pg", server, DATABASE_URL=cluster.new_database())
    return part


def on_database(part: Part, where: str, folder: Path, server: SmtpService, **settings: str) -> None:
    """Every kind of click, on one database, through the web server as it is."""
    before = len(server.log())
    first_shop(
        part, where, folder / "new", server, **({"DATABASE_URL": _beside(settings)} if settings else {})
    )
    with Portal(folder, smtp_url=server.url, **settings) as portal:
        scene = Scene(portal)
        click_each(CLICKED, part, scene, where)
        left = books.settle(portal)
        books.ask_the_bank(portal)
        left += books.settle(portal)
        ledger = Ledger(portal, server.log()[before:])
        status, checked = portal.try_flask("invoice", "check", "--shop", "shop.example.test")
        part.row(
            f"{CLICKS} clicks ({where}): afterwards the books agree, and nothing is lost or twice",
            f"{ledger.told}; {checked.strip()[-40:]}",
            [*left, *ledger.everything_wrong(), *([checked[-200:]] if status else [])],
        )
        # Their money is not all at the bank, so that the two books could not be compared any more.
        click_each((*sections.CLICKED, *corrections.CLICKED), part, scene, where)
        left = books.settle(portal)
        status, checked = portal.try_flask("invoice", "check", "--shop", "shop.example.test")
        part.row(
            f"{CLICKS} clicks in the sections ({where}): afterwards the balances are right, and all work is done",
            checked.strip()[-40:],
            [*left, *([checked[-200:]] if status else [])],
        )


def click_each(clicked: tuple[Click, ...], part: Part, scene: Scene, where: str) -> None:
    """One after the other; what breaks is a row of its own."""
    for each in clicked:
        try:
            each(part, scene, where)
        except (Exception, pytest.fail.Exception) as error:
            part.row(f"{each.__name__} ({where})", "1", [f"{type(error).__name__}: {error}"[:500]])


def at_bank(scene: Scene, bill: Bill) -> list[SandboxPayment]:
    """What the bank has for an invoice."""
    references = [payment.public_id for payment in scene.payments(bill)]
    with scene.portal.scope():
        found = list(
            db.session.scalars(sa.select(SandboxPayment).where(SandboxPayment.reference.in_(references)))
        )
        for each in found:
            db.session.expunge(each)
        return found


def one_attempt(scene: Scene, bill: Bill, answers: list[Answer]) -> list[str]:
    """However often Pay was pressed there is one attempt, one order at the bank, one page to go to."""
    wrong = []
    if len(scene.payments(bill)) != 1:
        wrong.append(f"{len(scene.payments(bill))} attempts")
    if len(at_bank(scene, bill)) != 1:
        wrong.append(f"{len(at_bank(scene, bill))} orders at the bank")
    pages = {answer.location for answer in answers if answer.status == 303}
    if len(pages) != 1:
        wrong.append(f"they lead to {len(pages)} pages")
    return wrong


def pay_link(part: Part, scene: Scene, where: str) -> None:
    """Fifty strangers with the same link."""
    bill = scene.bill()
    visitors = [scene.visitor() for _ in range(CLICKS)]
    seen, wrong, answers = at_once(posts(visitors, bill.link, {"method": "ideal"}))
    part.row(f"pay by link ({where}): one attempt", told(seen), [*wrong, *one_attempt(scene, bill, answers)])


def pay_signed_in(part: Part, scene: Scene, where: str) -> None:
    """Emma, fifty times."""
    bill = scene.bill()
    page = f"/customer/invoices/{bill.public_id}"
    visitors = same(scene.emma(), scene)
    seen, wrong, answers = at_once(posts(visitors, page, {"method": "card"}, to=f"{page}/pay"))
    part.row(
        f"pay, signed in ({where}): one attempt", told(seen), [*wrong, *one_attempt(scene, bill, answers)]
    )


def pay_both_ways(part: Part, scene: Scene, where: str) -> None:
    """Half of them by one way, half by another: they cannot both be paid."""
    bill = scene.bill()
    half = CLICKS // 2
    clicks = posts([scene.visitor() for _ in range(half)], bill.link, {"method": "ideal"})
    clicks += posts([scene.visitor() for _ in range(half)], bill.link, {"method": "card"})
    seen, wrong, answers = at_once(clicks)
    handed_out = {answer.location.rpartition("/")[2] for answer in answers if answer.status == 303}
    open_there = [each for each in at_bank(scene, bill) if each.status is BankStatus.OPEN]
    running = [
        each for each in scene.payments(bill) if each.status in (PaymentStatus.CREATED, PaymentStatus.OPEN)
    ]
    if len(running) != 1:
        wrong.append(f"{len(running)} attempts are running")
    for each in open_there:
        # One whose cancelling did not reach the bank is known to nobody, and runs out by itself.
        if each.bank_id in handed_out and each.reference not in {payment.public_id for payment in running}:
            wrong.append("somebody was led to an order that was given up here")
    part.row(f"pay by two ways ({where}): one attempt is left", told(seen), wrong)


def decide(part: Part, scene: Scene, where: str) -> None:
    """The bank's own buttons: paid, failed and cancelled, all at once."""
    bill, payer = scene.bill(), scene.visitor()
    checkout = payer.pay(bill.link).location
    clicks = []
    for number, visitor in enumerate(scene.visitor() for _ in range(CLICKS)):
        decision = ("paid", "failed", "canceled")[number % 3]
        clicks += posts([visitor], checkout, {"decision": decision, "notice": "before"})
    seen, wrong, _ = at_once(clicks)
    # Money that arrives after a cancelling is the one thing that may still follow.
    if seen["303"] not in (1, 2):
        wrong.append(f"{seen['303']} decisions were taken")
    wrong += books.settle(scene.portal)
    part.row(f"decide at the bank ({where}): one decision", told(seen), wrong)


def come_back(part: Part, scene: Scene, where: str) -> None:
    """Fifty windows come back from the bank."""
    bill, payer = scene.bill(), scene.visitor()
    back = payer.decide(payer.pay(bill.link).location, "paid", "never").location
    visitors = [scene.visitor() for _ in range(CLICKS)]
    seen, wrong, _ = at_once([lambda v=visitor: v.get(back) for visitor in visitors])
    (payment,) = scene.payments(bill)
    with scene.portal.scope():
        events = db.session.scalar(
            sa.select(sa.func.count())
            .select_from(PaymentEvent)
            .where(PaymentEvent.payment_id == payment.id, PaymentEvent.status == PaymentStatus.PAID)
        )
        mails = db.session.scalar(
            sa.select(sa.func.count())
            .select_from(MailMessage)
            .where(MailMessage.related == f"payment:{payment.public_id}")
        )
    if (events, mails, scene.document(bill).open_minor) != (1, 1, 0):
        wrong.append(f"booked {events} times, {mails} mails, {scene.document(bill).open_minor} open")
    part.row(f"come back from the bank ({where}): booked once, one mail", told(seen), wrong)


def start_again(part: Part, scene: Scene, where: str) -> None:
    """Start again, fifty times: one cancelling, here and at the bank."""
    bill = scene.bill()
    page = f"/customer/invoices/{bill.public_id}"
    emma = scene.emma()
    emma.post(page, {"method": "ideal"}, to=f"{page}/pay")
    seen, wrong, _ = at_once(posts(same(emma, scene), page, {}, to=f"{page}/restart"))
    attempts, there = scene.payments(bill), at_bank(scene, bill)
    if [each.status for each in attempts] != [PaymentStatus.CANCELLED]:
        wrong.append(f"the attempts are {[str(each.status) for each in attempts]}")
    if [each.status for each in there] != [BankStatus.CANCELED]:
        wrong.append(f"the bank has {[str(each.status) for each in there]}")
    wrong += counted(
        scene, AuditEntry, AuditEntry.event == "payment.cancelled", AuditEntry.subject_id == attempts[0].id
    )
    part.row(f"start again ({where}): cancelled once, at the bank too", told(seen), wrong)


def build_pdf(part: Part, scene: Scene, where: str) -> None:
    """A PDF that is not there yet."""
    bill = scene.bill()
    books.settle(scene.portal)
    page = f"/customer/invoices/{bill.public_id}"
    seen, wrong, _ = at_once(posts(same(scene.emma(), scene), page, {"language": "nl"}, to=f"{page}/pdf"))
    wrong += books.settle(scene.portal)
    wrong += counted(scene, DocumentFile, DocumentFile.document_id == bill.id, DocumentFile.language == "nl")
    wrong += counted(
        scene, OutboxRow, OutboxRow.job == "invoices.build_pdf", OutboxRow.key == f"{bill.id}:nl"
    )
    part.row(f"ask for a PDF ({where}): built once", told(seen), wrong)


def download(part: Part, scene: Scene, where: str) -> None:
    """The same bytes for everybody."""
    bill = scene.bill()
    books.settle(scene.portal)
    page = f"/customer/invoices/{bill.public_id}/pdf"
    seen, wrong, answers = at_once([lambda v=each: v.get(page) for each in same(scene.emma(), scene)])
    files = {answer.body for answer in answers}
    if len(files) != 1 or not next(iter(files)).startswith(b"%PDF"):
        wrong.append(f"{len(files)} different files")
    part.row(f"download a PDF ({where}): the same file", told(seen), wrong)


def dismiss(part: Part, scene: Scene, where: str) -> None:
    """A banner is put away."""
    with scene.portal.scope():
        notice = Notice(
            title="Closed on Monday",
            audience=Audience.ALL,
            starts_at=clock.now(),
            created_at=clock.now(),
        )
        db.session.add(notice)
        db.session.commit()
        public_id, id_ = notice.public_id, notice.id
    clicks = posts(
        same(scene.emma(), scene), "/customer", {}, to=f"/customer/notifications/{public_id}/dismiss"
    )
    seen, wrong, _ = at_once(clicks)
    wrong += counted(scene, NoticeMark, NoticeMark.notice_id == id_)
    part.row(f"put a notice away ({where}): one mark", told(seen), wrong)


def choose_account_theme(part: Part, scene: Scene, where: str) -> None:
    """Two themes at once: one of them it is."""
    visitors = same(scene.emma(), scene)
    clicks = posts(visitors[::2], "/customer", {"theme": "dark"}, to="/preferences")
    clicks += posts(visitors[1::2], "/customer", {"theme": "light"}, to="/preferences")
    seen, wrong, _ = at_once(clicks)
    part.row(f"choose a theme ({where}): no error", told(seen), wrong)


def log_in(part: Part, scene: Scene, where: str) -> None:
    """Fifty devices: everybody is in, with a session of their own."""
    from tests import cast

    visitors = [scene.visitor() for _ in range(CLICKS)]
    seen, wrong, _ = at_once(
        posts(visitors, "/login", {"email": "jan@example.com", "password": cast.PASSWORD})
    )
    cookies = {
        value for each in visitors for name, value in each.cookies.items() if name.endswith("loket_person")
    }
    if not seen["303"]:
        wrong.append("nobody got in")
    if len(cookies) != seen["303"]:
        wrong.append(f"{len(cookies)} sessions for {seen['303']} log-ins")
    part.row(f"log in ({where}): a session each", told(seen), wrong)


def log_out(part: Part, scene: Scene, where: str) -> None:
    """Once is enough."""
    bram = scene.visitor()
    bram.log_in("bram@example.com")
    seen, wrong, _ = at_once(posts(same(bram, scene), "/customer", {}, to="/logout"))
    if bram.get("/customer").status != 303:
        wrong.append("the session still works")
    part.row(f"log out ({where}): the session ends", told(seen), wrong)


def forgot(part: Part, scene: Scene, where: str) -> None:
    """A link to choose a new password: never more mails than the limit for one address."""
    visitors = [scene.visitor() for _ in range(CLICKS)]
    seen, wrong, _ = at_once(posts(visitors, "/forgot-password", {"email": "bram@example.com"}))
    with scene.portal.scope():
        mails = db.session.scalar(
            sa.select(sa.func.count()).select_from(MailMessage).where(MailMessage.name == "reset_password")
        )
    if not mails or mails > 5:
        wrong.append(f"{mails} mails, and five an hour are allowed")
    part.row(f"forgot my password ({where}): at most five mails", f"{told(seen)}; {mails} mails", wrong)


def reset(part: Part, scene: Scene, where: str) -> None:
    """A link that works once."""
    _, said = scene.portal.try_flask("person", "link", "bram@example.com", "--shop", "shop.example.test")
    link = urlsplit(next(word for word in said.split() if word.startswith("http"))).path
    visitors = [scene.visitor() for _ in range(CLICKS)]
    clicks = []
    for number, visitor in enumerate(visitors):
        clicks += posts([visitor], link, {"password": f"password number {number:02d} of bram"})
    seen, wrong, _ = at_once(clicks)
    if seen["303"] != 1:
        wrong.append(f"{seen['303']} passwords were set")
    wrong += counted(scene, AuditEntry, AuditEntry.event == "person.password_changed")
    part.row(f"use a link for a new password ({where}): once", told(seen), wrong)


def register(part: Part, scene: Scene, where: str) -> None:
    """Fifty times the same new address: one person."""
    visitors = [scene.visitor() for _ in range(CLICKS)]
    person = {"given_name": "Nina", "family_name": "Nieuw", "email": "nina@example.net"}
    seen, wrong, _ = at_once(posts(visitors, "/register", person))
    wrong += counted(scene, Person, Person.email == "nina@example.net")
    part.row(f"register ({where}): one person", told(seen), wrong)


def number(part: Part, scene: Scene, where: str) -> None:
    """Commands that issue invoices, at once: numbers without gaps, as the last row says of all."""
    from tests.browser.installation import invoice_for

    processes, each = NUMBERING
    path = scene.portal.folder / "many.json"
    import json

    path.write_text(json.dumps([invoice_for("jan@example.com") for _ in range(each)]))
    results: list[tuple[int, str]] = []
    command = ("invoice", "create", "--shop", "shop.example.test", "--from-json", str(path))
    threads = [
        threading.Thread(target=lambda: results.append(scene.portal.try_flask(*command)))
        for _ in range(processes)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = [line.split()[0] for _, said in results for line in said.splitlines() if "/pay/" in line]
    wrong = [said[-200:] for status, said in results if status]
    if len(set(numbers)) != processes * each:
        wrong.append(f"{len(numbers)} numbers, {len(set(numbers))} different ones")
    part.row(f"number ({where}): each number once", f"{processes} commands of {each} invoices at once", wrong)


def first_shop(part: Part, where: str, folder: Path, server: SmtpService, **settings: str) -> None:
    """The link that makes the shop, fifty times at once: one shop."""
    portal = Portal(folder, smtp_url=server.url, **settings)
    portal.start()
    try:
        link = urlsplit(next(word for word in portal.printed().split() if "/setup/" in word)).path
        visitors = [
            Visitor(portal.port, f"127.4.0.{n}", f"127.0.0.1:{portal.port}") for n in range(1, CLICKS + 1)
        ]
        form = {
            "shop_name": "Bakkerij Bloem", "language": "en", "owner_name": "Bo", "email": "bo@example.net",
            "password": "a long enough password",
        }  # fmt: skip
        seen, wrong, _ = at_once(posts(visitors, link, form, signed=False))
        with portal.everything():
            shops = db.session.scalar(sa.select(sa.func.count()).select_from(Shop))
            customers = db.session.scalar(sa.select(sa.func.count()).select_from(Customer))
        if (shops, customers) != (1, 0):
            wrong.append(f"{shops} shops")
        part.row(f"make the shop ({where}): one shop", told(seen), wrong)
    finally:
        portal.stop()


def _beside(settings: dict[str, str]) -> str:
    """Another empty database in the same cluster."""
    import uuid

    import psycopg

    url = settings["DATABASE_URL"]
    server, _, _ = url.replace("+psycopg", "").rpartition("/")
    name = f"loket_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"{url.rpartition('/')[0]}/{name}"


CLICKED: tuple[Click, ...] = (
    pay_link, pay_signed_in, pay_both_ways, decide, come_back, start_again, build_pdf, download, dismiss,
    choose_account_theme, log_in, log_out, forgot, reset, register, number,
)  # fmt: skip
