"""To which ticket a mail is added, in whose name, and which mails are not."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import database, inbound_mail, mail_delivery, reply_address
from portal.core.audit import AuditEntry
from portal.core.inbound_mail import InboundMail
from portal.core.mailer import Category, Mail, MailMessage, queue
from portal.core.tenancy import shop_scope
from portal.domain.people.models import Customer, CustomerKind, Membership, Person, Role, Staff, StaffRole
from portal.domain.tickets import actions, inbound, public_providers
from portal.domain.tickets.actions import Said
from portal.domain.tickets.inbound import Done, Outcome, TooMany
from portal.domain.tickets.models import (
    AuthorKind,
    Ticket,
    TicketAttachment,
    TicketMessage,
    TicketStatus,
    TicketType,
)
from portal.extensions import db
from tests.cast import START, make_invoice
from tests.inbound import INBOX, multipart, raw
from tests.rows import add_message, make_contact, make_ticket

LATER = START + timedelta(hours=2)
MX = "mx.shop.example"


@pytest.fixture(autouse=True)
def here(app: Flask, ids: Any) -> Iterator[None]:
    app.config["INBOUND_MAIL"] = INBOX
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        yield
        db.session.rollback()


def read(*arguments: Any, trusted: str | None = None, **options: Any) -> InboundMail:
    return inbound_mail.read(raw(*arguments, **options), trusted=trusted)


def take(mail: InboundMail, *recipients: str) -> Outcome:
    return inbound.take(mail, recipients, now=LATER)


def sent(
    customer_id: int | None, related: str | None = None, category: Category = Category.ACCOUNT
) -> MailMessage:
    """A mail of ours that somebody got; its address for answers is ``reply_address.of``."""
    mail = queue(
        Mail(
            name="ticket_answered",
            category=category,
            language="en",
            to=["emma@example.com"],
            related=related,
            customer_id=customer_id,
        ),
        now=START,
    )
    mail.message_id = f"{mail.public_id}@shop.example.test"
    db.session.flush()
    return mail


def address(mail: MailMessage) -> str:
    found = reply_address.of(mail)
    assert found is not None
    return found


def signed(domain: str) -> str:
    """The header of a server that found a domain's signature right; it counts where that is ``trusted``."""
    return f"Authentication-Results: {MX}; dkim=pass header.d={domain}"


def add_account(email: str, kind: CustomerKind = CustomerKind.BUSINESS) -> Customer:
    account = Customer(name=email, email=email, kind=kind, created_at=START)
    db.session.add(account)
    return account


def last() -> TicketMessage:
    return db.session.scalars(sa.select(TicketMessage).order_by(TicketMessage.id.desc()).limit(1)).one()


def ticket_of(ids: Any, **options: Any) -> Ticket:
    return make_ticket(ids.emma_account, **options)


def test_a_reply_is_added_to_its_ticket(ids: Any) -> None:
    ticket = ticket_of(ids, status=TicketStatus.RESOLVED, resolved_at=START)
    ours = sent(ids.emma_account, f"ticket:{ticket.public_id}")
    outcome = take(read("Before *eight*.\n\nOn Sunday De Halve Maan wrote:\n> When?\n", to=address(ours)))
    assert outcome == Outcome(Done.ADDED, ticket_id=ticket.id)
    message = last()
    assert (message.ticket_id, message.body) == (ticket.id, "Before \\*eight\\*.")
    assert (message.author_kind, message.person_id, message.author_name) == (
        AuthorKind.CUSTOMER,
        ids.emma,
        "Emma de Vries",
    )
    assert (message.by_mail, message.is_proved, message.mail_message_id) == (True, False, "one@example.com")
    assert (ticket.status, ticket.last_message_at) == (TicketStatus.OPEN, LATER)
    told = db.session.scalars(sa.select(MailMessage.name).order_by(MailMessage.id.desc()).limit(1)).one()
    assert told == "ticket_replied"


def test_twice_it_is_added_once(ids: Any) -> None:
    ticket = ticket_of(ids)
    ours = sent(ids.emma_account, f"ticket:{ticket.public_id}")
    mail = read(to=address(ours))
    assert take(mail).done is Done.ADDED
    mails = db.session.scalar(sa.select(sa.func.count()).select_from(MailMessage))
    assert take(mail) == Outcome(Done.KNOWN, ticket_id=ticket.id)
    assert db.session.scalar(sa.select(sa.func.count()).select_from(TicketMessage)) == 2
    assert db.session.scalar(sa.select(sa.func.count()).select_from(MailMessage)) == mails


def test_without_an_id_twice_is_once_too(ids: Any) -> None:
    mail = read(message_id=None)
    assert [take(mail).done, take(mail).done] == [Done.OPENED, Done.KNOWN]


def test_an_answer_to_an_invoice_opens_a_ticket_about_it(ids: Any) -> None:
    invoice = make_invoice(ids.emma_account)
    ours = sent(ids.emma_account, f"document:{invoice.public_id}")
    outcome = take(read(to=address(ours), subject="RE: AW: Invoice 2026-00001"))
    assert outcome.done is Done.OPENED
    ticket = db.session.get_one(Ticket, outcome.ticket_id)
    assert (ticket.subject, ticket.document_id, ticket.opened_by_id, ticket.customer_id) == (
        "Invoice 2026-00001",
        invoice.id,
        ids.emma,
        ids.emma_account,
    )
    told = db.session.scalars(sa.select(MailMessage.name).order_by(MailMessage.id.desc()).limit(1)).one()
    assert told == "ticket_opened"


def test_a_second_mail_of_the_same_exchange_goes_to_the_same_ticket(ids: Any) -> None:
    first = take(read())
    again = take(read("And on Friday?", "In-Reply-To: <one@example.com>", message_id="<two@example.com>"))
    assert again == Outcome(Done.ADDED, ticket_id=first.ticket_id)


@pytest.mark.parametrize("header", ["In-Reply-To", "References"])
def test_an_id_of_our_mail_names_its_ticket_too(ids: Any, header: str) -> None:
    ticket = ticket_of(ids)
    ours = sent(ids.emma_account, f"ticket:{ticket.public_id}")
    outcome = take(read("Yes.", f"{header}: <x@y.example>\r\n <{ours.message_id}>"))
    assert outcome == Outcome(Done.ADDED, ticket_id=ticket.id)


def test_the_envelope_names_the_ticket_where_the_header_does_not(ids: Any) -> None:
    ticket = ticket_of(ids)
    ours = sent(ids.emma_account, f"ticket:{ticket.public_id}")
    assert take(read(), address(ours).upper()).ticket_id == ticket.id


@pytest.mark.parametrize("change", ["other mail", "other proof", "other shop", "no proof"])
def test_a_forged_address_names_nothing(ids: Any, change: str) -> None:
    ticket = ticket_of(ids)
    ours = sent(ids.emma_account, f"ticket:{ticket.public_id}")
    right = address(ours)
    shop, number, proof = right.partition("+")[2].partition("@")[0].split("-")
    forged = {
        "other mail": f"{shop}-{int(number) + 1}-{proof}",
        "other proof": f"{shop}-{number}-{'a' * 24}",
        "other shop": f"{ids.other_shop}-{number}-{proof}",
        "no proof": f"{shop}-{number}-",
    }[change]
    stranger = read(sender="eve@stranger.example", to=f"support+{forged}@shop.example.test")
    assert take(stranger) == Outcome(Done.DROPPED, "nobody knows the sender")
    assert take(read(sender="eve@stranger.example", to=right, message_id="<3@x.example>")).done is Done.ADDED


def test_a_security_mail_lets_nobody_in(ids: Any) -> None:
    ours = sent(ids.emma_account, category=Category.SECURITY)
    assert reply_address.of(ours) is None
    mail = read("Hi", f"In-Reply-To: <{ours.message_id}>", sender="eve@stranger.example")
    assert take(mail) == Outcome(Done.DROPPED, "nobody knows the sender")


def test_a_mail_about_no_account_has_no_address_of_its_own(app: Flask, ids: Any) -> None:
    assert reply_address.of(sent(None)) is None
    app.config["INBOUND_MAIL"] = None
    assert reply_address.of(sent(ids.emma_account)) is None


@pytest.mark.parametrize("answered_here", [True, False])
def test_the_mail_that_leaves_names_its_address(app: Flask, ids: Any, answered_here: bool) -> None:
    app.config["INBOUND_MAIL"] = INBOX if answered_here else None
    ticket = ticket_of(ids)
    saskia = db.session.get_one(Staff, ids.saskia)
    actions.answer(ticket.id, Said("On Saturday."), author=saskia, now=START)
    ours = db.session.scalars(sa.select(MailMessage).order_by(MailMessage.id.desc()).limit(1)).one()
    mail_delivery.send({"id": ours.id}, now=START)
    mail_delivery._envelopes.clear()  # kept for as long as a run of the outbox lasts
    (line,) = [each for each in (ours.rendered or b"").split(b"\r\n") if each.startswith(b"Reply-To:")]
    expected = address(ours) if answered_here else "hello@shop.example.test"
    assert line.decode() == f"Reply-To: {expected}"
    assert len(expected.rpartition("@")[0]) <= 64


def test_a_proof_works_at_the_inbox_only(ids: Any) -> None:
    ours = sent(ids.emma_account)
    elsewhere = address(ours).replace("shop.example.test", "elsewhere.example")
    assert reply_address.find([elsewhere]) is None


# who writes, which mail of ours is answered, and in whose name it stands, or why it is dropped
MATCHING = [
    ("emma@example.com", None, "Emma de Vries"),
    ("Emma@Example.COM", None, "Emma de Vries"),
    ("jan@example.com", None, "Jan Jansen"),
    ("bram@example.com", None, "this person may not write"),
    ("bram@example.com", "emma", "this person may not write for the account"),
    ("dora@example.com", None, "nobody knows the sender"),
    ("eve@stranger.example", None, "nobody knows the sender"),
    ("eve@stranger.example", "emma", "eve@stranger.example"),
    ("anna@example.net", None, "Anna Admin"),
    ("anna@example.net", "emma", "Anna Admin"),
    ("jan@example.com", "emma", "jan@example.com"),
    ("kees@example.com", None, "staff answer by the mail that they got"),
    ("kees@example.com", "emma", "staff answer by the mail that they got"),
    ("kees@example.com", "staff", "Kees"),
    ("emma@example.com", "staff", "it answers a mail to staff, from another address"),
    ("ria@example.com", "staff", "it answers a mail to staff, from another address"),
    ("old@example.com", "staff", "it answers a mail to staff, from another address"),
    ("boss@bakker.example", None, "boss@bakker.example"),
    ("Boss@BAKKER.example", None, "boss@bakker.example"),
    ("boss@family.example", None, "nobody knows the sender"),
    ("boss@mixed.example", None, "nobody knows the sender"),
    ("boss@gmail.com", None, "nobody knows the sender"),
    ("boss@twice.example", None, "nobody knows the sender"),
    ("books@office.example", None, "several accounts have this address"),
    ("hello@shop.example.test", None, "it comes from the shop's own address"),
    ("somebody@shop.example.test", None, "nobody knows the sender"),
    (INBOX, None, "it comes from the shop's own address"),
    ("gone@bygone.example", None, "nobody knows the sender"),
]


@pytest.mark.parametrize(("sender", "answers", "expected"), MATCHING)
def test_who_is_believed_to_have_written(ids: Any, sender: str, answers: str | None, expected: str) -> None:
    make_contact(ids.emma_account)
    for account in (ids.emma_account, ids.jan_account):
        make_contact(account, email="books@office.example")
    companies = ("info@bakker.example", "someone@gmail.com", "a@twice.example", "b@twice.example")
    for email in (*companies, "info@mixed.example"):
        add_account(email)
    for email in ("mum@family.example", "mum@mixed.example"):
        add_account(email, CustomerKind.CONSUMER)
    add_account("gone@bygone.example").archived_at = START
    db.session.add(Staff(email="ria@example.com", name="Ria", role=StaffRole.READ_ONLY, created_at=START))
    db.session.add(
        Staff(email="old@example.com", name="O", role=StaffRole.OWNER, created_at=START, archived_at=START)
    )
    ticket = ticket_of(ids)
    category = Category.STAFF if answers == "staff" else Category.ACCOUNT
    to = address(sent(ids.emma_account, f"ticket:{ticket.public_id}", category)) if answers else INBOX
    before = last().id
    outcome = take(read("Hi", signed(sender.rpartition("@")[2]), sender=sender, to=to, trusted=MX))
    if outcome.done is Done.DROPPED:
        assert (outcome.reason, last().id) == (expected, before)
        return
    assert last().author_name == expected
    assert (outcome.ticket_id == ticket.id) is (answers is not None)
    assert outcome.done is {"staff": Done.ANSWERED, "emma": Done.ADDED, None: Done.OPENED}[answers]


@pytest.mark.parametrize(
    "header", [None, signed("other.example"), signed("bakker.example").replace("pass", "fail")]
)
def test_a_company_that_did_not_sign_is_not_believed(header: str | None) -> None:
    """Anybody can write any sender: who is not known by their very address needs the domain's signature."""
    add_account("info@bakker.example")
    mail = read("Hi", *([header] if header else []), sender="boss@bakker.example", trusted=MX)
    assert take(mail) == Outcome(Done.DROPPED, "nobody knows the sender")
    assert take(read("Hi", signed("bakker.example"), sender="boss@bakker.example")).done is Done.DROPPED


@pytest.mark.parametrize(
    "domain", ["hccnet.nl", "wanadoo.nl", "libero.it", "gmail.com", "ziggo.nl", "jan.demon.nl", "plus.com"]
)
def test_a_stranger_at_the_same_provider_is_not_believed(domain: str) -> None:
    """Its signature says which provider it is, and not which of its customers."""
    add_account(f"jan@{domain}")
    stranger = read("Private", signed(domain), sender=f"stranger@{domain}", trusted=MX)
    assert take(stranger) == Outcome(Done.DROPPED, "nobody knows the sender")


def test_what_is_called_like_a_provider_is_a_company() -> None:
    add_account("info@notgmail.com")
    assert take(read("Hi", signed("notgmail.com"), sender="x@notgmail.com", trusted=MX)).done is Done.OPENED


def test_the_list_of_providers_holds_domains() -> None:
    for domain in public_providers.PUBLIC_PROVIDERS:
        assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", domain), domain
    assert not public_providers.PUBLIC_PROVIDERS & {"co.uk", "com.au", "co.jp", "com.br", "net.au"}


def test_staff_answer_by_mail(ids: Any) -> None:
    ticket = ticket_of(ids)
    ours = sent(ids.emma_account, f"ticket:{ticket.public_id}", Category.STAFF)
    assert take(read(sender="kees@example.com", to=address(ours))).done is Done.ANSWERED
    message = last()
    assert (message.author_kind, message.staff_id, message.person_id) == (AuthorKind.STAFF, ids.kees, None)
    assert (ticket.status, ticket.waits_for_customer) == (TicketStatus.IN_REVIEW, True)
    told = db.session.scalars(sa.select(MailMessage).order_by(MailMessage.id.desc()).limit(1)).one()
    assert (told.name, told.to) == ("ticket_answered", ["emma@example.com"])


def test_what_somebody_without_a_log_in_writes_is_a_visitors(ids: Any) -> None:
    make_contact(ids.emma_account)
    take(read(sender="anna@example.net"))
    entry = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.event == "ticket.opened")).one()
    assert (entry.actor_kind, entry.actor_id) == ("visitor", None)
    assert last().person_id is None


def test_of_several_accounts_the_one_with_the_very_address_is_meant(ids: Any) -> None:
    db.session.add(
        Membership(person_id=ids.emma, customer_id=ids.jan_account, role=Role.OWNER, created_at=START)
    )
    outcome = take(read())
    assert db.session.get_one(Ticket, outcome.ticket_id).customer_id == ids.emma_account


def test_an_archived_account_gets_nothing(ids: Any) -> None:
    ours = sent(ids.emma_account)
    db.session.get_one(Customer, ids.emma_account).archived_at = START
    assert take(read(to=address(ours))) == Outcome(Done.DROPPED, "the account is archived")


@pytest.mark.parametrize("how", ["member", "contact"])
def test_an_archived_account_beside_a_live_one_hides_nothing(ids: Any, how: str) -> None:
    old = add_account("old@elsewhere.example")
    old.archived_at = START
    db.session.flush()
    if how == "member":
        db.session.get_one(Customer, ids.emma_account).email = "billing@emma.example"
        db.session.add(Membership(person_id=ids.emma, customer_id=old.id, role=Role.OWNER, created_at=START))
    else:
        for account in (old.id, ids.emma_account):
            make_contact(account)
    outcome = take(read(sender="emma@example.com" if how == "member" else "anna@example.net"))
    assert outcome.done is Done.OPENED
    assert db.session.get_one(Ticket, outcome.ticket_id).customer_id == ids.emma_account


def test_who_has_an_archived_account_only_is_unknown(ids: Any) -> None:
    make_contact(ids.emma_account)
    db.session.get_one(Customer, ids.emma_account).archived_at = START
    for number, sender in enumerate(("emma@example.com", "anna@example.net")):
        mail = read(sender=sender, message_id=f"<{number}@x.example>")
        assert take(mail) == Outcome(Done.DROPPED, "nobody knows the sender")


def test_a_ticket_of_another_account_is_not_reached(ids: Any) -> None:
    """A mail about an account whose ticket is, wrongly, of another one opens a new one at its own."""
    ticket = make_ticket(ids.jan_account)
    ours = sent(ids.emma_account, f"ticket:{ticket.public_id}")
    outcome = take(read(to=address(ours)))
    assert (outcome.done, outcome.ticket_id == ticket.id) == (Done.OPENED, False)


PASS = "Authentication-Results: mx.shop.example; dkim=pass header.d=example.com"


@pytest.mark.parametrize(
    ("header", "proved"),
    [
        (PASS, True),
        (PASS.replace("example.com", "EXAMPLE.com"), True),
        (PASS.replace("header.d=", "header.i=@"), True),
        (PASS.replace("example.com", "other.example"), False),
        (PASS.replace("pass", "fail"), False),
        (PASS.replace("mx.shop.example", "mx.evil.example"), False),
    ],
)
def test_a_signed_mail_is_proved(ids: Any, header: str, proved: bool) -> None:
    take(read("Hello", header, trusted="mx.shop.example"))
    assert last().is_proved is proved


def confirmations() -> list[MailMessage]:
    wanted = sa.select(MailMessage).where(MailMessage.name == "ticket_received").order_by(MailMessage.id)
    return list(db.session.scalars(wanted))


def test_who_opened_a_ticket_by_a_signed_mail_is_told(ids: Any) -> None:
    make_contact(ids.emma_account, email="copy@example.net", account_mails=True)
    assert take(read("Hello", PASS, trusted=MX, subject="Oven")).done is Done.OPENED
    ours, copy = confirmations()
    assert (ours.category, ours.to, ours.cc) == (Category.ACCOUNT, ["emma@example.com"], [])
    assert (copy.to, copy.cc) == (["copy@example.net"], [])
    mail_delivery.send({"id": ours.id}, now=START)
    mail_delivery._envelopes.clear()
    head = (ours.rendered or b"").partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert "Auto-Submitted: auto-replied" in head
    assert "In-Reply-To: <one@example.com>" in head and "References: <one@example.com>" in head
    assert f"Reply-To: {address(ours)}" in head
    # What answers it is added to that ticket, and is confirmed no more.
    more = take(
        read("And one more thing", PASS, trusted=MX, to=address(ours), message_id="<two@example.com>")
    )
    assert more == Outcome(Done.ADDED, ticket_id=last().ticket_id)
    assert confirmations() == [ours, copy]


@pytest.mark.parametrize(
    ("headers", "trusted"),
    [
        ((), MX),
        ((PASS,), None),
        ((PASS.replace("pass", "fail"),), MX),
        ((PASS.replace("example.com", "other.example"),), MX),
    ],
)
def test_nobody_is_mailed_because_somebody_wrote_in_their_name(
    ids: Any, headers: tuple[str, ...], trusted: str | None
) -> None:
    assert take(read("Hello", *headers, trusted=trusted)).done is Done.OPENED
    assert confirmations() == []


def test_no_machine_is_answered(ids: Any) -> None:
    outcome = take(read("I am away", PASS, "Auto-Submitted: auto-replied", trusted=MX))
    assert outcome.done is Done.DROPPED and confirmations() == []


def test_the_same_mail_twice_is_confirmed_once(ids: Any) -> None:
    for _time in range(2):
        take(read("Hello", PASS, trusted=MX))
    assert len(confirmations()) == 1


def test_a_colleague_without_a_log_in_is_told_at_their_own_address(app: Flask, ids: Any) -> None:
    add_account("info@bakker.example")
    header = signed("bakker.example")
    assert take(read("Hello", header, trusted=MX, sender="boss@bakker.example")).done is Done.OPENED
    (ours,) = confirmations()
    assert (ours.to, ours.cc) == (["boss@bakker.example"], [])
    # The portal is closed to them: a button would lead nowhere.
    assert (ours.context["who"], ours.context["ticket_url"]) == (None, None)


def shown(app: Flask, mail: MailMessage) -> str:
    """All that somebody reads of a mail."""
    mail_delivery.send({"id": mail.id}, now=START)
    mail_delivery._envelopes.clear()
    return message_from_bytes(mail.rendered or b"", policy=policy.default).as_string()


@pytest.mark.parametrize("way", ["their company's domain", "a mail that was passed on"])
def test_a_stranger_sees_nobody_of_the_account(app: Flask, ids: Any, way: str) -> None:
    jan = db.session.get_one(Customer, ids.jan_account)
    jan.email, jan.kind = "boss@jansen-bv.example", CustomerKind.BUSINESS
    make_contact(jan.id, email="private@home.example", account_mails=True)
    if way == "their company's domain":
        mail = read("Hello", signed("jansen-bv.example"), sender="temp@jansen-bv.example", trusted=MX)
        assert take(mail).done is Done.OPENED
    else:
        ours = sent(jan.id, f"document:{make_invoice(jan.id).public_id}")
        mail = read("Hello", signed("x.example"), sender="eve@x.example", to=address(ours), trusted=MX)
        assert take(mail).done is Done.OPENED
    (told,) = confirmations()
    assert (told.to, told.cc) == ([mail.sender], [])
    text = shown(app, told)
    assert "Hello," in text and "because you wrote to" in text
    # The answer goes to the account.
    for theirs in ("private@home.example", jan.email, jan.name, "for this account", "You get the answer"):
        assert theirs not in text


def test_a_contact_person_who_writes_is_greeted_by_name(ids: Any) -> None:
    make_contact(ids.emma_account, name="Petra Bos", email="petra@example.net", account_mails=True)
    make_contact(ids.emma_account, email="copy@example.net", account_mails=True)
    assert (
        take(read("Hello", signed("example.net"), trusted=MX, sender="petra@example.net")).done is Done.OPENED
    )
    ours, copy = confirmations()
    assert (ours.to, ours.cc, ours.context["who"]) == (["petra@example.net"], [], "Petra Bos")
    assert (copy.to, copy.cc) == (["copy@example.net"], [])


def test_a_few_mails_a_day_are_confirmed(ids: Any) -> None:
    """A machine that answers each confirmation with a new subject, and does not say that it is one, is left alone."""

    def opens(number: int, sender: str = "emma@example.com", later: timedelta = timedelta()) -> int:
        mail = read("Got it", PASS, trusted=MX, sender=sender, message_id=f"<{number}@example.com>")
        outcome = inbound.take(mail, (), now=LATER + later)
        assert outcome.done is Done.OPENED
        return len(confirmations())

    make_contact(ids.emma_account, email="other@example.com", account_mails=False)
    assert [opens(number) for number in range(5)] == [1, 2, 3, 3, 3]
    assert opens(6, sender="other@example.com") == 4, "others are told"
    assert opens(7, later=timedelta(hours=23)) == 4
    assert opens(8, later=timedelta(days=1)) == 5, "and the next day they are again"


def test_what_is_asked_in_the_portal_is_always_confirmed(ids: Any) -> None:
    emma = db.session.get_one(Person, ids.emma)
    wanted = actions.NewTicket(TicketType.GENERAL, "Oven")
    for _time in range(5):
        actions.open_ticket(wanted, Said("Warm?"), customer_id=ids.emma_account, author=emma, now=LATER)
    assert len(confirmations()) == 5
    assert take(read("Hello", PASS, trusted=MX)).done is Done.OPENED
    assert len(confirmations()) == 6


@pytest.mark.parametrize("message_id", ["<a b@x>", "<no-at>", "<é@x.example>", "<a@b> <c@d>", None])
def test_what_a_stranger_calls_a_mail_is_no_header_of_ours(ids: Any, message_id: str | None) -> None:
    assert take(read("Hello", PASS, trusted=MX, message_id=message_id)).done is Done.OPENED
    (ours,) = confirmations()
    mail_delivery.send({"id": ours.id}, now=START)
    mail_delivery._envelopes.clear()
    head = (ours.rendered or b"").partition(b"\r\n\r\n")[0]
    assert b"Auto-Submitted: auto-replied" in head
    for line in head.split(b"\r\n"):
        if line.startswith((b"In-Reply-To:", b"References:")):
            assert re.fullmatch(rb"[A-Za-z-]+: <[!-;=?-~]+@[!-;=?-~]+>", line), line


def test_nothing_is_proved_where_no_server_is_trusted(ids: Any) -> None:
    take(read("Hello", PASS))
    assert last().is_proved is False


def part(name: str, data: bytes, kind: str = "application/octet-stream") -> bytes:
    head = f'Content-Type: {kind}\r\nContent-Disposition: attachment; filename="{name}"\r\n'
    return head.encode() + b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(data)


def test_files_come_by_the_rules_of_the_form(ids: Any) -> None:
    text = "Content-Type: text/plain\r\n\r\nSee the files."
    body, kind = multipart(
        text,
        part("a [b].pdf", b"%PDF-1.7 x"),
        part("run.exe", b"MZ\x00\x01"),
        part("winmail.dat", b"\x78\x9f\x3e\x22", "application/ms-tnef"),
        part("big.txt", b"x" * (5 * 1024 * 1024 + 1), "text/plain"),
    )
    take(read(body, kind=kind))
    files = db.session.scalars(sa.select(TicketAttachment.name)).all()
    assert files == ["a [b].pdf"]
    assert last().body == (
        "See the files.\n\n"
        "Not kept, as files of this kind or size are not taken: run.exe, winmail.dat, big.txt"
    )


def test_six_files_are_one_too_many(ids: Any) -> None:
    body, kind = multipart(*(part(f"{number}.txt", b"x", "text/plain") for number in range(6)))
    take(read(body, kind=kind))
    assert db.session.scalar(sa.select(sa.func.count()).select_from(TicketAttachment)) == 5
    assert last().body == (
        "Sent by e-mail, without text.\n\nNot kept, as files of this kind or size are not taken: 5.txt"
    )


def test_a_long_text_comes_whole_in_a_file(ids: Any) -> None:
    take(read("word " * 10_000))
    assert last().body.endswith("word\n\nThe whole text is in the file.")
    assert len(last().body) < 10_100
    file = db.session.scalars(sa.select(TicketAttachment)).one()
    assert (file.name, file.size_bytes) == ("message.txt", 49_999)


def test_the_words_around_it_are_in_the_language_of_the_account(ids: Any) -> None:
    db.session.get_one(Customer, ids.emma_account).language = "nl"
    body, kind = multipart(part("a.txt", b"x", "text/plain"))
    outcome = take(read(body, kind=kind, subject=""))
    assert db.session.get_one(Ticket, outcome.ticket_id).subject == "E-mail zonder onderwerp"
    assert last().body == "Per e-mail gestuurd, zonder tekst."


def test_an_empty_mail_is_dropped(ids: Any) -> None:
    assert take(read("\r\n \r\n")) == Outcome(Done.DROPPED, "it is empty")


def test_a_mail_of_ours_that_came_back_is_dropped(ids: Any) -> None:
    ours = sent(ids.emma_account)
    assert take(read(message_id=f"<{ours.message_id}>")) == Outcome(
        Done.DROPPED, "it is a mail of the portal itself"
    )


def test_who_sends_very_many_waits(ids: Any) -> None:
    ticket = ticket_of(ids, last_message_at=LATER)
    for _ in range(inbound.MOST_IN_AN_HOUR):
        add_message(ticket, body="x", by_mail=True, created_at=LATER - timedelta(minutes=59))
    with pytest.raises(TooMany):
        take(read())
    outcome = inbound.take(read(), (), now=LATER + timedelta(minutes=2))
    assert outcome.done is Done.OPENED
