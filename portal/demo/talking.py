"""What was said at the demo's shop: tickets in several states, and two notices for customers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from portal.core.audit import Actor
from portal.core.uploads import TEXT, Upload
from portal.demo import subscribing
from portal.demo.people import EMMA, JAN
from portal.demo.story import Story
from portal.domain.invoices import disputing
from portal.domain.notices.models import Audience, Notice, NoticeTarget, NoticeType
from portal.domain.subscriptions.cancelling import Reason
from portal.domain.tickets import actions
from portal.domain.tickets.models import (
    AuthorKind,
    Dispute,
    Priority,
    Ticket,
    TicketMessage,
    TicketStatus,
    TicketType,
)
from portal.domain.tickets.states import LIFE, Move

#: What Emma sends along with her question about the course.
_FAULT = """Latte art, les 3 van 8
Bestand: les-3.mp4 (0 bytes)
Melding: dit bestand bevat geen beeld of geluid.
"""


def plan(story: Story) -> None:
    """All conversations and notices."""
    _answered(story)
    _leaving(story)
    _waiting(story)
    _objections(story)
    _notices(story)


def _answered(story: Story) -> None:
    """Those that came to an end."""
    _ask(
        story,
        "cup",
        EMMA,
        story.moment(148, "19:02"),
        TicketType.COMPLAINT,
        "Eén kopje kwam kapot aan",
        "De filter is prachtig, maar van een van de twee kopjes is het oor eraf.",
        about=lambda: {"document_id": story.invoices["broken"].id, "order_id": story.orders["broken"].id},
    )
    _answer(
        story,
        "cup",
        story.moment(147, "10:10"),
        "Wat vervelend! De kopjes zijn gecrediteerd, dus betaal alleen de rest. Het hele kopje mag je houden.",
        Move.RESOLVE,
    )

    _ask(
        story,
        "grind",
        EMMA,
        story.moment(96, "08:12"),
        TicketType.GENERAL,
        "Welke maling voor een percolator?",
        "Op jullie zak staat *fijn*, mijn buurvrouw zegt *niet te fijn*. Wie heeft er gelijk?",
        priority=Priority.LOW,
    )
    _answer(
        story,
        "grind",
        story.moment(96, "11:30"),
        "Je buurvrouw. Neem hem iets grover dan voor espresso:\n\n"
        "- vul het bakje, maar druk niet aan\n- begin met heet water\n- haal hem van het vuur bij het eerste gepruttel",
        Move.CLOSE,
    )

    _ask(
        story,
        "taken-back",
        EMMA,
        story.moment(19, "20:47"),
        TicketType.BILLING,
        "Mijn bank heeft een betaling teruggehaald",
        "Ik kreeg die week een nieuwe rekening, en nu staat een factuur voor de koffie weer open. Wat nu?",
        priority=Priority.HIGH,
        about=lambda: {"document_id": story.invoices["coffee-14"].id},
    )
    _note(story, "taken-back", story.moment(18, "09:20"), "Terugboeking MD06, de machtiging is nog geldig.")
    _answer(
        story,
        "taken-back",
        story.moment(18, "09:31"),
        "Met je abonnement is niets mis. Die ene factuur kun je met iDEAL betalen wanneer het je uitkomt.",
        Move.RESOLVE,
    )

    _ask(
        story,
        "spelt",
        EMMA,
        story.moment(64, "07:55"),
        TicketType.FEATURE_REQUEST,
        "Speltcroissants",
        "Maken jullie ooit croissants van spelt?",
    )
    _answer(
        story,
        "spelt",
        story.moment(61, "17:05"),
        "Twee keer geprobeerd: lekker, maar het werden pannenkoeken. Dus nee, maar bedankt voor het idee.",
        Move.REJECT,
    )

    _ask(
        story,
        "vat",
        JAN,
        story.moment(203, "09:40"),
        TicketType.CORRECTION,
        "Facturen zonder btw",
        "Ons btw-nummer is BE0123456749. Kan de btw voortaan worden verlegd?",
        about=lambda: {"subscription_id": story.subscriptions["office"].id},
    )
    _answer(
        story,
        "vat",
        story.moment(200, "14:15"),
        "Uw nummer is gecontroleerd. Vanaf de volgende factuur is de btw verlegd.",
        Move.RESOLVE,
    )


def _leaving(story: Story) -> None:
    """Jan cancelled the care of his machine; it runs until its next bill would come."""
    _ask(
        story,
        "leaving",
        JAN,
        story.moment(3, "11:20"),
        TicketType.CANCEL_SUBSCRIPTION,
        "Onderhoud espressomachine opzeggen",
        "Reden: Ik heb het niet meer nodig\n\nWe hebben een nieuwe machine met onderhoud erbij. Dank voor alles!",
        about=lambda: {"subscription_id": story.subscriptions["service"].id},
    )
    story.at(
        story.moment(3, "11:21"),
        lambda now: subscribing.ask_to_end(story, "service", "leaving", Reason.NOT_NEEDED, now=now),
    )


def _waiting(story: Story) -> None:
    """One that waits for the customer's answer, one that waits for the shop's."""
    _ask(
        story,
        "day",
        EMMA,
        story.moment(2, "16:18"),
        TicketType.GENERAL,
        "Bezorgdag",
        "Volgende maand zijn we op zaterdag weg. Kan het zuurdesembrood op vrijdag komen?",
        about=lambda: {"subscription_id": story.subscriptions["sourdough"].id},
    )
    _answer(
        story,
        "day",
        story.now - timedelta(hours=2),
        "Natuurlijk. Komt voor acht uur 's ochtends uit, of heb je het liever na zessen?",
        None,
    )
    _ask(
        story,
        "lessons",
        EMMA,
        story.moment(1, "21:36"),
        TicketType.TECHNICAL,
        "Les drie gaat niet open",
        "Het bestand van de cursus latte art pakt uit, maar les drie is leeg op mijn tablet.",
        about=lambda: {"order_id": story.orders["ebook"].id},
        files=[Upload("foutmelding les 3.txt", TEXT, _FAULT.encode())],
    )
    _mail(
        story,
        "lessons",
        EMMA,
        story.moment(1, "21:52"),
        "Op mijn telefoon gaat les drie ook niet open, zie ik net.",
    )


def _objections(story: Story) -> None:
    """Jan wants money back for what he sent back, and objects to a line of the latest bill for his machine."""
    refunded, disputed = "jan-45", "service-4"
    _ask(
        story,
        "refund",
        JAN,
        story.moment(9, "11:25"),
        TicketType.REFUND_REQUEST,
        "Verzoek om terugbetaling van de filterhouders",
        "We hebben twee van de vier filterhouders ongebruikt teruggestuurd.",
        about=lambda: {"document_id": story.invoices[refunded].id},
    )
    asked = story.moment(4, "15:10")
    _ask(
        story,
        "dispute",
        JAN,
        asked,
        TicketType.DISPUTE,
        "Bezwaar tegen de onderhoudsbeurt",
        "De monteur kwam dit kwartaal niet langs, omdat jullie dicht waren.",
        about=lambda: {"document_id": story.invoices[disputed].id},
    )

    def dispute(now: datetime) -> None:
        document = story.invoices[disputed]
        story.add(
            Dispute(
                document_id=document.id,
                line_position=1,
                ticket_id=story.tickets["dispute"].id,
                created_at=now,
            )
        )
        disputing.begin_dispute(document, today=story.local_day(now))
        person = story.people[JAN]
        story.record("invoice.disputed", document, now=now, actor=Actor.person(person), line=1)

    story.at(asked, dispute)


def _ask(
    story: Story,
    key: str,
    email: str,
    at: datetime,
    type_: TicketType,
    subject: str,
    body: str,
    *,
    priority: Priority = Priority.MEDIUM,
    about: Callable[[], dict[str, int]] = dict,
    files: Sequence[Upload] = (),
) -> None:
    def happen(now: datetime) -> None:
        person = story.people[email]
        ticket = Ticket(
            customer_id=story.customers[email].id,
            number=actions.next_number(),
            type=type_,
            priority=priority,
            subject=subject,
            opened_by_id=person.id,
            last_message_at=now,
            created_at=now,
            **about(),
        )
        story.tickets[key] = story.add(ticket)
        story.record("ticket.opened", ticket, now=now, actor=Actor.person(person), type=type_.value)
        message = TicketMessage(
            ticket_id=ticket.id,
            author_kind=AuthorKind.CUSTOMER,
            person_id=person.id,
            author_name=person.name,
            body=body,
            created_at=now,
        )
        actions.attach(story.add(message), files, now=now)

    story.at(at, happen)


def _mail(story: Story, key: str, email: str, at: datetime, body: str) -> None:
    """The customer answers by mail, from a domain that signs nothing."""

    def happen(now: datetime) -> None:
        ticket, person = story.tickets[key], story.people[email]
        message = TicketMessage(
            ticket_id=ticket.id,
            author_kind=AuthorKind.CUSTOMER,
            person_id=person.id,
            author_name=person.name,
            body=body,
            by_mail=True,
            is_proved=False,
            created_at=now,
        )
        story.add(message)
        ticket.last_message_at = now
        story.record("ticket.replied", ticket, now=now, actor=Actor.person(person), message_id=message.id)

    story.at(at, happen)


def _answer(story: Story, key: str, at: datetime, body: str, end: Move | None) -> None:
    """The shop answers and ends the ticket, or waits for the customer."""

    def happen(now: datetime) -> None:
        ticket = story.tickets[key]
        _say(story, ticket, now, body, is_internal=False)
        ticket.last_message_at = ticket.last_staff_reply_at = now
        ticket.waits_for_customer = end is None
        for move in (Move.REVIEW, end):
            _move(story, ticket, move, now)

    story.at(at, happen)


def _note(story: Story, key: str, at: datetime, body: str) -> None:
    story.at(at, lambda now: _say(story, story.tickets[key], now, body, is_internal=True))


def _say(story: Story, ticket: Ticket, now: datetime, body: str, *, is_internal: bool) -> None:
    story.add(
        TicketMessage(
            ticket_id=ticket.id,
            author_kind=AuthorKind.STAFF,
            staff_id=story.owner.id,
            author_name=story.owner.name,
            body=body,
            is_internal=is_internal,
            created_at=now,
        )
    )


def _move(story: Story, ticket: Ticket, move: Move | None, now: datetime) -> None:
    after = LIFE.next(ticket.status, move) if move is not None else None
    if after is None:
        return
    before, ticket.status = ticket.status, after
    if after is TicketStatus.RESOLVED:
        ticket.resolved_at = now
    story.record(f"ticket.{after.value}", ticket, now=now, before=before.value)


def _notices(story: Story) -> None:
    """One for those who have coffee delivered at home, two for businesses: one of a colour of its own, in Markdown."""
    price = (
        "Koffiebonen gaan €\u00a025,90 kosten",
        "De oogst was klein. Bij je abonnement zie je vanaf wanneer de nieuwe prijs geldt.",
    )
    service = (
        "Onderhoud voortaan in de ochtend",
        "Vanaf volgende maand komen we voordat je eerste gasten er zijn.",
    )
    story.at(
        story.moment(3, "08:05"), lambda now: _announce(story, NoticeType.PRICE_CHANGE, price, "coffee", now)
    )
    closed = (
        "Dicht tussen kerst en nieuwjaar",
        "Bestel vóór **18 december**, dan heb je genoeg:\n\n- bonen leveren we nog op 22 december\n"
        "- storingen lossen we ook tussen de feestdagen op",
    )
    story.at(
        story.moment(2, "09:30"),
        lambda now: _announce(story, NoticeType.VACATION, closed, "horeca", now, colour="#7b2f9e"),
    )
    story.at(
        story.moment(3, "08:10"),
        lambda now: _announce(story, NoticeType.ANNOUNCEMENT, service, "horeca", now),
    )


def _announce(
    story: Story, type_: NoticeType, said: tuple[str, str], tag: str, now: datetime, **options: Any
) -> None:
    title, body = said
    notice = Notice(
        type=type_,
        title=title,
        body=body,
        audience=Audience.TAGS,
        starts_at=now,
        expires_at=story.moment(-54, "00:00"),
        created_at=now,
        **options,
    )
    story.record("notice.published", story.add(notice), now=now, type=type_.value)
    story.add(NoticeTarget(notice_id=notice.id, tag=tag))
