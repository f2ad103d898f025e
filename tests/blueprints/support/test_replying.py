"""Replying to a ticket: what is kept, what is refused, and two at once."""

from __future__ import annotations

import threading
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
import sqlalchemy as sa

from portal.core import clock
from portal.core.mailer import MailMessage
from portal.domain.people.models import Membership, Role
from portal.domain.tickets.models import AuthorKind, Ticket, TicketMessage, TicketStatus
from portal.extensions import db
from tests.cast import START
from tests.page_client import find_all, parse
from tests.pages import neighbour, text
from tests.rows import HOSTILE, add_message, make_ticket
from tests.statements import counted

LIST = "/customer/support"
KEY = "k" * 22


@pytest.fixture
def ticket(on_stage: Any, ids: Any) -> str:
    with on_stage():
        return str(make_ticket(ids.emma_account, status=TicketStatus.RESOLVED).public_id)


def said(on_stage: Any, public_id: str) -> list[str]:
    with on_stage():
        return list(
            db.session.scalars(
                sa.select(TicketMessage.body)
                .join(Ticket, Ticket.id == TicketMessage.ticket_id)
                .where(Ticket.public_id == public_id)
                .order_by(TicketMessage.id)
            )
        )


def values(response: Any, name: str) -> list[str]:
    page = parse(response.get_data(as_text=True))
    return [e.attrib.get("value") or e.text or "" for e in page.iter() if e.attrib.get("name") == name]


def test_a_reply_opens_the_ticket_again(login: Any, on_stage: Any, ticket: str) -> None:
    emma = login("emma")
    answer = emma.send(f"{LIST}/{ticket}/reply", {"body": "Still **broken**", "key": KEY})
    assert (answer.status_code, answer.location) == (303, f"{LIST}/{ticket}")
    page = emma.get(answer.location)
    assert "Your reply was sent" in text(page) and "<strong>broken</strong>" in page.text
    with on_stage():
        assert db.session.scalars(sa.select(Ticket)).one().status is TicketStatus.OPEN
        assert [mail.name for mail in db.session.scalars(sa.select(MailMessage))] == ["ticket_replied"]


@pytest.mark.parametrize("role", Role)
def test_who_may_reply(login: Any, on_stage: Any, ids: Any, ticket: str, role: Role) -> None:
    with on_stage():
        db.session.scalars(sa.select(Membership).where(Membership.person_id == ids.bram)).one().role = role
    answer = login("bram").send(f"{LIST}/{ticket}/reply", {"body": "Me", "key": KEY})
    may = role is not Role.READ_ONLY
    assert answer.status_code == (303 if may else 403)
    assert said(on_stage, ticket) == (["Hello", "Me"] if may else ["Hello"])
    for stranger in ("jan", "dora"):
        assert login(stranger).send(f"{LIST}/{ticket}/reply", {"body": "x", "key": KEY}).status_code == 404


def test_a_refused_reply_keeps_what_was_typed(login: Any, on_stage: Any, ticket: str) -> None:
    emma = login("emma")
    for typed, complaint in (("", "Write your message"), (HOSTILE + "x" * 50_000, "at most 10,000")):
        answer = emma.send(f"{LIST}/{ticket}/reply", {"body": typed, "key": KEY})
        assert answer.status_code == 422 and complaint in text(answer)
        assert [value.lstrip("\n") for value in values(answer, "body")] == [typed]
        assert "<script>alert" not in answer.text
    assert said(on_stage, ticket) == ["Hello"]
    assert emma.get(f"{LIST}/{ticket}/reply").location == f"{LIST}/{ticket}"


def test_a_double_click_replies_once(login: Any, on_stage: Any, ticket: str) -> None:
    emma = login("emma")
    (key,) = values(emma.get(f"{LIST}/{ticket}"), "key")
    for _click in range(2):
        assert emma.send(f"{LIST}/{ticket}/reply", {"body": "Once", "key": key}).status_code == 303
    assert said(on_stage, ticket) == ["Hello", "Once"]


def at_once(*sends: Any) -> list[int]:
    gate, found = threading.Barrier(len(sends)), []

    def run(send: Any) -> None:
        gate.wait()
        found.append(send().status_code)

    threads = [threading.Thread(target=run, args=(send,)) for send in sends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_two_at_once_are_both_kept_and_the_same_twice_is_one(login: Any, on_stage: Any, ticket: str) -> None:
    emma, other = login("emma"), login("emma")
    path, tokens = f"{LIST}/{ticket}/reply", [emma.token(), other.token()]

    def send(client: Any, token: str, body: str, key: str) -> Any:
        return lambda: client.post(
            path,
            data={"csrf_token": token, "body": body, "key": key},
            headers={"Referer": f"https://{client.host}/"},
        )

    assert at_once(send(emma, tokens[0], "A", "a" * 22), send(other, tokens[1], "B", "b" * 22)) == [303, 303]
    assert sorted(said(on_stage, ticket)) == ["A", "B", "Hello"]
    same = [send(client, token, "C", KEY) for client, token in ((emma, tokens[0]), (other, tokens[1]))]
    assert at_once(*same, *same) == [303] * 4
    assert sorted(said(on_stage, ticket)) == ["A", "B", "C", "Hello"]
    new = [
        lambda client=client, token=token: client.post(
            f"{LIST}/new",
            data={
                "csrf_token": token,
                "type": "general",
                "subject": "S",
                "body": "B",
                "priority": "low",
                "key": KEY,
                "account": account,
            },
            headers={"Referer": f"https://{client.host}/"},
        )
        for client, token in ((emma, tokens[0]), (other, tokens[1]))
    ]
    (account,) = values(emma.get(f"{LIST}/new"), "account")
    assert at_once(*new, *new) == [303] * 4
    with on_stage():
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Ticket)) == 2


def test_so_often_and_no_more(app: Any, login: Any, on_stage: Any, ticket: str) -> None:
    app.config["SUPPORT_LIMIT_REPLY"] = "2 per hour"
    emma = login("emma")
    for body in ("a", "b", "c"):
        answer = emma.send(f"{LIST}/{ticket}/reply", {"body": body, "key": KEY})
    assert (answer.status_code == 429 and values(answer, "body") == ["\nc"]) or values(answer, "body") == [
        "c"
    ]
    assert said(on_stage, ticket) == ["Hello", "a", "b"]


def test_a_file_that_is_not_taken(login: Any, on_stage: Any, ticket: str) -> None:
    files = [(BytesIO(b"<html><script>alert(1)</script>"), "page.html")]
    answer = login("emma").send(f"{LIST}/{ticket}/reply", {"body": "See", "key": KEY, "files": files})
    assert answer.status_code == 422 and "‘page.html’ is of a kind" in text(answer)
    assert said(on_stage, ticket) == ["Hello"]


def test_of_a_long_conversation_the_newest_messages_come_first(
    app: Any, login: Any, on_stage: Any, ids: Any
) -> None:
    with on_stage():
        ticket = make_ticket(ids.emma_account)
        for number in range(26):
            add_message(
                ticket,
                body=f"message {number}.",
                author_kind=AuthorKind.STAFF if number % 2 else AuthorKind.CUSTOMER,
                created_at=START + timedelta(hours=number),
                is_internal=number == 20,
            )
        address = f"{LIST}/{ticket.public_id}"
    emma = login("emma")
    with clock.frozen(START + timedelta(days=2)):
        emma = login("emma", now=START + timedelta(days=2))
        emma.get(address)
        with counted(app) as statements:
            first = emma.get(address)
        assert len(statements) <= 6, statements
        shown = [n for n in range(26) if f"message {n}." in text(first)]
        assert shown == [n for n in range(26) if n != 20]
        assert text(first).index("message 19.") < text(first).index("message 25.")
        older = emma.get(neighbour(first, "next"))
        assert "Hello" in text(older) and "message" not in text(older).split("Hello")[1].split("Reply")[0]
        assert text(emma.get(neighbour(older, "prev"))) == text(first)


def test_text_in_any_direction_stays_where_it_is(login: Any, on_stage: Any, ticket: str) -> None:
    emma = login("emma")
    body = "\u202eevil\n\nمرحبا \U0001f469\u200d\U0001f4bb"
    emma.send(f"{LIST}/{ticket}/reply", {"body": body, "key": KEY})
    page = parse(emma.get(f"{LIST}/{ticket}").text)
    bodies = [e for e in find_all(page, "div") if "message-body" in e.attrib.get("class", "")]
    assert len(bodies) >= 2 and all(e.attrib["dir"] == "auto" for e in bodies)
