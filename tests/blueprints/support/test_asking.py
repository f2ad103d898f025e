"""A new ticket: what the form offers, what it takes, and what happens then."""

from __future__ import annotations

import re
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
import sqlalchemy as sa

from portal.core import clock
from portal.core.mailer import MailMessage
from portal.domain.invoices.balance import rebalance
from portal.domain.invoices.models import Allocation, AllocationState, Document
from portal.domain.people.models import Customer, Membership, Role
from portal.domain.shops.models import Mode
from portal.domain.subscriptions.models import SubscriptionStatus
from portal.domain.tickets.models import Priority, Ticket, TicketAttachment, TicketMessage, TicketType
from portal.extensions import db
from tests.cast import START, make_invoice
from tests.page_client import find_all, parse, text_of
from tests.pages import links, text
from tests.rows import HOSTILE, make_order, make_subscription
from tests.statements import counted

NEW = "/customer/support/new"


def fields(response: Any) -> dict[str, str]:
    """What a browser would send of the form in the main part."""
    main = find_all(parse(response.get_data(as_text=True)), "main")[0]
    found = {
        e.attrib["name"]: e.attrib.get("value", "") for e in find_all(main, "input") if "name" in e.attrib
    }
    found |= {e.attrib["name"]: (e.text or "").lstrip("\n") for e in find_all(main, "textarea")}
    for select in find_all(main, "select"):
        options = find_all(select, "option")
        chosen = next((o for o in options if "selected" in o.attrib), options[0])
        found[select.attrib["name"]] = chosen.attrib["value"]
    found.pop("files", None)
    return found


def options(response: Any, name: str) -> dict[str, str]:
    main = find_all(parse(response.get_data(as_text=True)), "main")[0]
    selects = [e for e in find_all(main, "select") if e.attrib["name"] == name]
    return {o.attrib["value"]: text_of(o) for o in find_all(selects[0], "option")} if selects else {}


def errors(response: Any) -> list[str]:
    page = parse(response.get_data(as_text=True))
    return [text_of(e) for e in page.iter() if "field-error" in e.attrib.get("class", "")]


def tickets(on_stage: Any) -> list[dict[str, Any]]:
    with on_stage():
        rows = db.session.scalars(sa.select(Ticket).order_by(Ticket.id))
        return [{key: value for key, value in vars(row).items() if not key.startswith("_")} for row in rows]


def give_role(on_stage: Any, ids: Any, role: Role) -> None:
    with on_stage():
        db.session.scalars(sa.select(Membership).where(Membership.person_id == ids.bram)).one().role = role


def test_a_question_becomes_a_ticket(login: Any, on_stage: Any, ids: Any) -> None:
    emma = login("emma")
    form = {**fields(emma.get(NEW)), "subject": "  Opening\u202e hours ", "body": "Are you **open**?"}
    answer = emma.send(NEW, {**form, "priority": "urgent", "type": "technical"})
    (ticket,) = tickets(on_stage)
    assert answer.status_code == 303 and answer.location == f"/customer/support/{ticket['public_id']}"
    assert (ticket["customer_id"], ticket["subject"], ticket["type"], ticket["priority"]) == (
        ids.emma_account,
        "Opening hours",
        TicketType.TECHNICAL,
        Priority.URGENT,
    )
    page = emma.get(answer.location)
    assert f"as number {ticket['number']}" in text(page) and "<strong>open</strong>" in page.text
    with on_stage():
        mails = db.session.scalars(sa.select(MailMessage).order_by(MailMessage.id))
        assert [mail.name for mail in mails] == ["ticket_opened", "ticket_received"]


def test_the_right_is_asked_of_the_account_of_what_it_is_about(login: Any, on_stage: Any, ids: Any) -> None:
    """Bram only reads the account that he has chosen, and owns the one whose invoice he asks about."""
    with on_stage():
        db.session.add(Membership(person_id=ids.bram, customer_id=ids.jan_account, role=Role.OWNER))
        theirs = f"{NEW}?about=invoice:{make_invoice(ids.jan_account).public_id}"
        mine = f"{NEW}?about=invoice:{make_invoice(ids.emma_account).public_id}"
    bram = login("bram")
    form = {**fields(bram.get(theirs)), "subject": "Hours", "body": "Open?"}
    assert bram.send(theirs, form).status_code == 303
    assert [ticket["customer_id"] for ticket in tickets(on_stage)] == [ids.jan_account]
    for address in (NEW, mine):
        assert bram.get(address).status_code == 403


def test_a_double_click_asks_once_and_leads_to_the_same_page(login: Any, on_stage: Any) -> None:
    emma = login("emma")
    form = {**fields(emma.get(NEW)), "subject": "Hours", "body": "Open?"}
    first, second = emma.send(NEW, form), emma.send(NEW, form)
    assert first.location == second.location and len(tickets(on_stage)) == 1
    assert fields(emma.get(NEW))["key"] != form["key"]


def test_a_refused_form_keeps_what_was_typed(login: Any, on_stage: Any) -> None:
    emma = login("emma")
    typed = {
        **fields(emma.get(NEW)),
        "subject": HOSTILE[:200],
        "body": "\U0001f600 " + "x" * 50_000,
        "priority": "high",
        "type": "complaint",
    }
    answer = emma.send(NEW, typed)
    assert answer.status_code == 422 and tickets(on_stage) == []
    assert "<script>alert" not in answer.text
    kept = fields(answer)
    assert {name: kept[name] for name in ("subject", "body", "priority", "type", "key")} == {
        name: typed[name] for name in ("subject", "body", "priority", "type", "key")
    }
    assert errors(answer) == ["A message has at most 10,000 characters. Send a longer text as a file."]


def test_the_longest_message_is_taken(login: Any, on_stage: Any) -> None:
    emma = login("emma")
    body = "שלום \U0001f600 " * 1250
    answer = emma.send(NEW, {**fields(emma.get(NEW)), "subject": "Long", "body": body})
    assert answer.status_code == 303
    assert "שלום \U0001f600 שלום" in emma.get(answer.location).text


@pytest.mark.parametrize(
    ("role", "shown"),
    [
        (Role.OWNER, {"invoice", "order", "subscription"}),
        (Role.BILLING, {"invoice", "order", "subscription"}),
        (Role.ORDERS, {"linked", "order", "subscription"}),
        (Role.SUPPORT, set()),
        (Role.READ_ONLY, None),
    ],
)
def test_each_role_asks_about_what_it_sees(
    login: Any, on_stage: Any, ids: Any, role: Role, shown: set[str] | None
) -> None:
    with on_stage():
        order, subscription = make_order(ids.emma_account), make_subscription(ids.emma_account)
        linked = make_invoice(ids.emma_account, order_id=order.id)
        plain = make_invoice(ids.emma_account)
        values = {
            "invoice": f"invoice:{plain.public_id}",
            "linked": f"invoice:{linked.public_id}",
            "order": f"order:{order.public_id}",
            "subscription": f"subscription:{subscription.public_id}",
        }
        numbers = {"invoice": plain.number, "linked": linked.number, "order": order.number}
    give_role(on_stage, ids, role)
    bram = login("bram")
    page = bram.get(NEW)
    if shown is None:
        assert page.status_code == 403 and bram.send(NEW, {"body": "x"}).status_code == 403
        assert "New question" not in text(bram.get("/customer/support"))
        return
    seen = shown | ({"linked"} if "invoice" in shown else set())
    assert set(options(page, "about")) - {""} == {values[name] for name in seen}
    types = options(page, "type")
    assert ("pause_subscription" in types) == ("cancel_subscription" in types) == ("subscription" in seen)
    assert "dispute" not in types and "refund_request" not in types
    start = {**fields(page), "subject": "S"}
    for name, value in values.items():
        answer = bram.send(NEW, {**start, "body": name, "about": value})
        if not seen:
            assert answer.status_code == 303, "there is no such field for them"
            continue
        assert answer.status_code == (303 if name in seen else 422), name
        assert errors(answer) == ([] if name in seen else ["Choose one of these."])
        if name in numbers:
            answer = bram.send(NEW, {**start, "body": f"number of {name}", "number": numbers[name]})
            assert answer.status_code == (303 if name in seen else 422), name
    about = [
        (ticket["document_id"], ticket["order_id"], ticket["subscription_id"])
        for ticket in tickets(on_stage)
        if not seen
    ]
    assert all(each == (None, None, None) for each in about)
    for name in values:
        prefilled = bram.get(f"{NEW}?about={values[name]}")
        assert fields(prefilled).get("about", "") == (values[name] if name in seen else "")


def test_what_it_is_about_is_kept(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        invoice, order = make_invoice(ids.emma_account), make_order(ids.emma_account)
        subscription = make_subscription(ids.emma_account)
        kept = {
            f"invoice:{invoice.public_id}": (invoice.id, None, None),
            f"order:{order.public_id}": (None, order.id, None),
            f"subscription:{subscription.public_id}": (None, None, subscription.id),
        }
        number, lower = invoice.number, order.number.lower()
    emma = login("emma")
    start = {**fields(emma.get(NEW)), "subject": "S"}
    for value in kept:
        assert emma.send(NEW, {**start, "body": value, "about": value}).status_code == 303
    assert emma.send(NEW, {**start, "body": "n", "number": f" {number} "}).status_code == 303
    # A number counts, whatever stands above it; people type it as they like.
    assert (
        emma.send(NEW, {**start, "body": "l", "number": lower, "about": next(iter(kept))}).status_code == 303
    )
    found = [(t["document_id"], t["order_id"], t["subscription_id"]) for t in tickets(on_stage)]
    invoice_, order_, _subscription = kept.values()
    assert found == [*kept.values(), invoice_, order_]


@pytest.mark.parametrize("kind", ["invoice", "order", "subscription"])
def test_what_the_address_names_is_offered_once(login: Any, on_stage: Any, ids: Any, kind: str) -> None:
    """Also when it is among the newest: HTML allows one chosen option only."""
    with on_stage():
        make = {"invoice": make_invoice, "order": make_order, "subscription": make_subscription}[kind]
        value = f"{kind}:{make(ids.emma_account).public_id}"
    page = login("emma").get(f"{NEW}?about={value}").text
    assert page.count(f'value="{value}"') == page.count(f'selected value="{value}"') == 1


def test_what_is_not_ones_own_cannot_be_chosen(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        make_order(ids.emma_account)
        of_jan, live = make_order(ids.jan_account), make_invoice(ids.emma_account)
        live.mode = Mode.LIVE
        archived = make_subscription(ids.emma_account, status=SubscriptionStatus.ARCHIVED)
        values = [
            f"order:{of_jan.public_id}",
            f"invoice:{live.public_id}",
            f"subscription:{archived.public_id}",
            "order:",
            "person:1",
            "x",
        ]
        numbers = [of_jan.number, make_invoice(ids.jan_account).number, live.number]
    emma = login("emma")
    start = {**fields(emma.get(NEW)), "subject": "S", "body": "B"}
    for value in values:
        assert errors(emma.send(NEW, {**start, "about": value})) == ["Choose one of these."], value
        page = emma.get(f"{NEW}?about={value}")
        assert fields(page)["about"] == "" and value not in options(page, "about")
    for number in numbers:
        answer = emma.send(NEW, {**start, "number": number})
        assert errors(answer) == ["You have no invoice or order with this number."], number
    assert tickets(on_stage) == []


def test_pausing_asks_for_the_subscription(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        value = f"subscription:{make_subscription(ids.emma_account).public_id}"
        make_order(ids.emma_account)
    emma = login("emma")
    page = emma.get(f"{NEW}?type=pause_subscription&about={value}")
    start = {**fields(page), "subject": "S", "body": "B"}
    assert (start["type"], start["about"]) == ("pause_subscription", value)
    answer = emma.send(NEW, {**start, "about": ""})
    assert answer.status_code == 422 and errors(answer) == ["Choose the subscription that this is about."]
    assert emma.send(NEW, start).status_code == 303
    for odd in ("dispute", "x", "", "\0"):
        assert fields(emma.get(f"{NEW}?type={odd}"))["type"] == "general"


def test_of_many_things_the_newest_are_offered(app: Any, login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        order = make_order(ids.emma_account, order_date=START.date() - timedelta(days=900))
        old = f"order:{order.public_id}"
    emma = login("emma")
    emma.get(NEW)
    with counted(app) as few:
        emma.get(NEW)
    with on_stage():
        for _number in range(26):
            make_order(ids.emma_account)
            make_invoice(ids.emma_account)
            make_subscription(ids.emma_account)
    with counted(app) as many:
        page = emma.get(NEW)
    assert len(few) == len(many) <= 6, many
    assert len(options(page, "about")) == 31 and old not in options(page, "about")
    # What is older comes with the link of its own page, and stays through a refusal.
    prefilled = emma.get(f"{NEW}?about={old}")
    assert fields(prefilled)["about"] == old
    assert fields(emma.send(f"{NEW}?about={old}", fields(prefilled)))["about"] == old


def test_a_form_of_another_account_is_not_sent_to_this_one(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        db.session.add(Membership(person_id=ids.emma, customer_id=ids.jan_account, role=Role.OWNER))
        jan = db.session.get_one(Customer, ids.jan_account).public_id
        of_jan = f"order:{make_order(ids.jan_account).public_id}"
        make_order(ids.emma_account)
    emma = login("emma")
    form = {**fields(emma.get(NEW)), "subject": "S", "body": "B"}
    answer = emma.send(NEW, {**form, "account": jan})
    assert answer.status_code == 409 and "another account" in text(answer) and tickets(on_stage) == []
    assert errors(emma.send(NEW, {**form, "about": of_jan})) == ["Choose one of these."]
    # It is shown again for the account that it would go to now.
    again = fields(answer)
    assert again["account"] == form["account"] and again["body"] == "B"
    assert emma.send(NEW, again).status_code == 303
    # The page of something of the other account is that account's.
    page = emma.get(f"{NEW}?about={of_jan}")
    assert fields(page)["account"] == jan
    assert (
        emma.send(f"{NEW}?about={of_jan}", {**fields(page), "subject": "S", "body": "J"}).status_code == 303
    )
    assert [ticket["customer_id"] for ticket in tickets(on_stage)] == [ids.emma_account, ids.jan_account]


@pytest.mark.parametrize("kind", ["invoice", "order", "subscription"])
def test_the_page_of_a_thing_leads_here(login: Any, on_stage: Any, ids: Any, kind: str) -> None:
    with on_stage():
        thing = {"invoice": make_invoice, "order": make_order, "subscription": make_subscription}[kind](
            ids.emma_account
        )
        address, value = f"/customer/{kind}s/{thing.public_id}", f"{kind}:{thing.public_id}"
    page = login("emma").get(address)
    link = re.search(rf'href="({NEW}\?about={kind}[^"]+)"', page.text)
    assert link and fields(login("emma").get(link[1].replace("&amp;", "&")))["about"] == value
    assert NEW not in login("bram").get(address).text


def test_files_come_with_it(login: Any, on_stage: Any) -> None:
    emma = login("emma")
    form = {**fields(emma.get(NEW)), "subject": "S", "body": "B"}
    bad = [(BytesIO(b"<svg onload=alert(1)>"), "a.svg"), (BytesIO(b"%PDF-"), "a.pdf")]
    answer = emma.send(NEW, {**form, "files": bad})
    assert answer.status_code == 422 and "‘a.svg’ is of a kind that cannot be sent" in errors(answer)[0]
    kept = [(BytesIO(b"%PDF-"), "a.pdf")]
    assert "Choose your files again" in text(emma.send(NEW, {**form, "subject": "", "files": kept}))
    assert "Choose your files again" not in text(emma.send(NEW, {**form, "subject": ""}))
    good = [(BytesIO(b"%PDF-1"), "../a.pdf"), (BytesIO(b"hello"), "\u202eb.txt"), (BytesIO(b""), "")]
    assert emma.send(NEW, {**form, "files": good}).status_code == 303
    with on_stage():
        (message,) = db.session.scalars(sa.select(TicketMessage))
        files = db.session.scalars(sa.select(TicketAttachment).order_by(TicketAttachment.id)).all()
        assert [(f.message_id, f.name, f.media_type, f.size_bytes) for f in files] == [
            (message.id, "a.pdf", "application/pdf", 6),
            (message.id, "b.txt", "text/plain", 5),
        ]


def test_a_person_asks_so_often_and_no_more(app: Any, login: Any, on_stage: Any) -> None:
    app.config["SUPPORT_LIMIT_NEW"] = "2 per hour"
    emma = login("emma")
    form = {**fields(emma.get(NEW)), "subject": "S"}
    for refused in ("", " "):
        assert emma.send(NEW, {**form, "body": refused}).status_code == 422
    for body in "ab":
        assert emma.send(NEW, {**form, "body": body}).status_code == 303
    answer = emma.send(NEW, {**form, "body": "too much"})
    assert answer.status_code == 429 and fields(answer)["body"] == "too much"
    assert "wait a little" in text(answer) and len(tickets(on_stage)) == 2
    # Another person at the same address is another one.
    jan = login("jan")
    assert jan.send(NEW, {**fields(jan.get(NEW)), "subject": "S", "body": "j"}).status_code == 303


def test_a_preview_is_safe_and_limited(app: Any, login: Any) -> None:
    app.config["SUPPORT_LIMIT_PREVIEW"] = "3 per minute"
    emma = login("emma")
    preview = f"{NEW}/preview"
    answer = emma.send(preview, {"body": f"**a** {HOSTILE} [x](javascript:alert(1))"})
    assert answer.status_code == 200 and "<strong>a</strong>" in answer.text
    assert "<script" not in answer.text and "<img" not in answer.text and "href" not in answer.text
    assert emma.send(preview, {}).text == "Nothing written yet."
    assert len(emma.send(preview, {"body": "x" * 50_000}).text) < 10_100
    assert emma.send(preview, {"body": "x"}).status_code == 429
    assert emma.post(preview, data={"body": "x"}).status_code == 400, "without a token"


def test_in_dutch(login: Any) -> None:
    emma = login("emma")
    with clock.frozen(START):
        page = emma.get(NEW, headers={"Accept-Language": "nl"})
    assert "Nieuwe vraag" in text(page) and "Waar gaat het over?" in text(page)


def test_an_objection_and_money_back_begin_on_their_own_pages(login: Any, on_stage: Any, ids: Any) -> None:
    def ways(public_id: str) -> list[str]:
        page = emma.get(f"{NEW}?about=invoice:{public_id}")
        found = links(page)
        return [label for path, label in found.items() if path.startswith(f"/customer/invoices/{public_id}/")]

    emma = login("emma")
    with on_stage():
        first, second = make_invoice(ids.emma_account), make_invoice(ids.emma_account)
        unpaid, paid = first.public_id, second.public_id
        db.session.add(
            Allocation(document_id=second.id, amount_minor=second.total_minor, state=AllocationState.BOOKED)
        )
        rebalance(second, now=START)
        db.session.commit()
    assert ways(unpaid) == ["Object to this invoice"]
    assert ways(paid) == ["Object to this invoice", "Request refund"]
    emma.send(f"/customer/invoices/{paid}/refund", {"subject": "Back", "body": "Please", "key": "k" * 22})
    emma.send(f"/customer/invoices/{paid}/dispute", {"line": "all", "body": "No", "key": "d" * 22})
    assert ways(paid) == []
    # A question about nothing in particular says nothing of it.
    assert "Is it about money?" not in text(emma.get(NEW))
    # Nor does whoever may not object see the way.
    with on_stage():
        db.session.scalars(sa.select(Membership).filter_by(person_id=ids.emma)).one().role = Role.ORDERS
        invoice = db.session.scalars(sa.select(Document).filter_by(public_id=unpaid)).one()
        invoice.order_id = make_order(ids.emma_account).id
        db.session.commit()
    assert ways(unpaid) == []
