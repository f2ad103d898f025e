"""The shop changes a customer: what follows of it, and what stays as it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.core.audit import Actor, AuditEntry
from portal.core.errors import Conflict, DomainError
from portal.core.mail_message import Category, MailMessage
from portal.domain.people import editing, emails, staff_queries, tokens
from portal.domain.people.details import Details
from portal.domain.people.editing import Edited
from portal.domain.people.models import Customer, CustomerKind, Membership, OneTimeToken, Person, TokenPurpose
from portal.extensions import db
from tests.cast import START, Ids, make_invoice
from tests.rows import make_contact

LATER = START + timedelta(hours=1)


def edit(ids: Ids, account_id: int | None = None, *, version: int | None = None, **changes: Any) -> Customer:
    customer = db.session.get_one(Customer, account_id or ids.jan_account)
    of_details = {name: changes.pop(name) for name in list(changes) if name in Details.__dataclass_fields__}
    wanted = Edited(
        details=replace(Details.of(customer), **of_details),
        kind=changes.pop("kind", customer.kind),
        email=changes.pop("email", customer.email),
        **changes,
    )
    editing.edit_customer(
        customer,
        wanted,
        version=customer.version if version is None else version,
        actor=Actor("staff", ids.saskia),
        now=LATER,
    )
    db.session.flush()
    return customer


def entries() -> list[tuple[str, dict[str, Any]]]:
    rows = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.at == LATER).order_by(AuditEntry.id))
    return [(row.event, row.data) for row in rows]


def mails() -> list[MailMessage]:
    return list(db.session.scalars(sa.select(MailMessage).where(MailMessage.created_at == LATER)))


def test_the_details_are_written_in_one_way_and_named_in_the_log(on_stage: Any, ids: Ids) -> None:
    with on_stage():
        jan = edit(ids, postal_code="3511aa", phone="0612345678", city="Utrecht")
        assert (jan.postal_code, jan.phone) == ("3511 AA", "+31 6 12345678")
        assert entries() == [("customer.details_changed", {"changed": ["phone", "postal_code"]})]
        entry = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.at == LATER)).one()
        assert (entry.actor_kind, entry.actor_id, entry.subject_id) == ("staff", ids.saskia, jan.id)
        assert mails() == []


def test_saving_what_is_there_changes_nothing(on_stage: Any, ids: Ids) -> None:
    with on_stage():
        before = db.session.get_one(Customer, ids.jan_account).version
        assert edit(ids, email="JAN@Example.COM ").version == before
        assert entries() == [] and mails() == []


def test_a_consumer_has_nothing_of_a_business(on_stage: Any, ids: Ids) -> None:
    with on_stage():
        with pytest.raises(DomainError) as refused:
            edit(ids, kind=CustomerKind.CONSUMER)
        assert refused.value.field == "kind", "it is called Jansen BV"
        jan = edit(ids, kind=CustomerKind.CONSUMER, company="", vat_number="", chamber_number="")
        assert jan.kind is CustomerKind.CONSUMER
        assert "kind" in entries()[0][1]["changed"]
        assert edit(ids, kind=CustomerKind.BUSINESS, company="Jansen VOF").company == "Jansen VOF"


def test_another_vat_number_has_to_be_checked_anew(on_stage: Any, ids: Ids) -> None:
    with on_stage():
        jan = db.session.get_one(Customer, ids.jan_account)
        jan.kind, jan.vat_number = CustomerKind.BUSINESS, "NL123456782B90"
        jan.vat_checked_on, jan.vat_check_reference = START.date(), "WAPI"
        db.session.flush()
        assert edit(ids, city="Zeist").vat_checked_on == START.date()
        with pytest.raises(DomainError) as refused:
            edit(ids, vat_number="NL1")
        assert refused.value.field == "vat_number"
        jan = edit(ids, vat_number="")
        assert (jan.vat_checked_on, jan.vat_check_reference) == (None, "")


def test_lists_and_search_find_the_new_name_at_once(on_stage: Any, ids: Ids) -> None:
    with on_stage():
        edit(ids, name="Marieke Smit", company="Smit Bloemen", email="marieke@example.org")

        def found(search: str) -> list[str]:
            return [row.email for row in staff_queries.list_customers(search=search).rows]

        for search in ("marieke", "bloemen", "marieke@example.org"):
            assert found(search) == ["marieke@example.org"], search
        assert found("jansen") == []
        assert [row.name for row in staff_queries.list_customers().rows] == ["Emma de Vries", "Marieke Smit"]


def test_issued_documents_keep_the_details_of_their_day(on_stage: Any, ids: Ids) -> None:
    with on_stage():
        before = make_invoice(ids.jan_account)
        db.session.flush()
        kept, version = dict(before.buyer), before.version
        edit(ids, name="Other", city="Zeist", company="Other BV")
        db.session.refresh(before)
        assert (before.buyer, before.version) == (kept, version)
        assert make_invoice(ids.jan_account).buyer != kept


def test_the_address_of_the_mail_moves_and_the_log_in_stays(on_stage: Any, ids: Ids) -> None:
    with on_stage():
        jan = db.session.get_one(Person, ids.jan)
        jan.email = db.session.get_one(Customer, ids.jan_account).email
        db.session.flush()
        assert emails.find_one_with(jan) is not None, "one with the account"
        account = edit(ids, email="Books@Example.org")
        assert account.email == "books@example.org"
        assert (jan.email, jan.confirmed_at is not None) == ("jan@example.com", True)
        assert emails.find_one_with(jan) is None, "from now on each is changed apart"
        (told,) = mails()
        assert (told.name, told.category, told.to, told.cc) == (
            "account_email_changed",
            Category.SECURITY,
            ["jan@example.com"],
            [],
        )
        assert "books@example.org" not in str(told.context), "the new one is nobody's business there"
        assert entries() == [("customer.email_changed", {})]


def test_where_no_mail_can_go_the_address_can_still_be_put_right(on_stage: Any, ids: Ids) -> None:
    with on_stage():
        db.session.get_one(Customer, ids.jan_account).email = "jan at example"
        db.session.flush()
        assert edit(ids, email="jan@example.org").email == "jan@example.org"
        assert mails() == []


def test_an_account_without_people_is_told_in_its_own_language(on_stage: Any, ids: Ids) -> None:
    with on_stage():
        account = Customer(name="Piet", email="piet@example.net", language="nl", created_at=START)
        db.session.add(account)
        db.session.flush()
        edit(ids, account.id, email="piet@example.org")
        assert [(mail.language, mail.to) for mail in mails()] == [("nl", ["piet@example.net"])]


def test_the_address_of_a_contact_person_is_refused(on_stage: Any, ids: Ids) -> None:
    with on_stage():
        make_contact(ids.jan_account, email="books@example.org")
        with pytest.raises(DomainError) as refused:
            edit(ids, email="Books@example.org")
        assert refused.value.field == "email"
        assert mails() == []


def test_an_address_of_another_account_is_refused_as_for_a_new_one(on_stage: Any, ids: Ids) -> None:
    with on_stage():
        emma = db.session.get_one(Customer, ids.emma_account)
        with pytest.raises(Conflict) as refused:
            edit(ids, email=emma.email.upper())
        assert (refused.value.field, mails()) == ("email", [])
        assert db.session.get_one(Customer, ids.jan_account).email != emma.email


def people_of(account: Customer) -> list[int]:
    wanted = sa.select(Membership.person_id).where(Membership.customer_id == account.id)
    return list(db.session.scalars(wanted))


def test_whoever_logs_in_with_the_new_address_owns_an_account_without_people(on_stage: Any, ids: Ids) -> None:
    with on_stage():
        bram = db.session.get_one(Person, ids.bram)
        lone = Customer(name="Lone", email="lone@example.net", created_at=START)
        db.session.add(lone)
        db.session.flush()
        assert people_of(edit(ids, lone.id, email=bram.email)) == [bram.id]
        assert entries() == [
            ("customer.email_changed", {}),
            ("customer.claimed", {"person_id": bram.id}),
        ]


@pytest.mark.parametrize("why", ["it has people", "it is archived", "they never confirmed the address"])
def test_nobody_else_comes_to_an_account_by_its_new_address(on_stage: Any, ids: Ids, why: str) -> None:
    with on_stage():
        bram = db.session.get_one(Person, ids.bram)
        account = db.session.get_one(Customer, ids.jan_account)
        if why != "it has people":
            account = Customer(name="Lone", email="lone@example.net", created_at=START)
            db.session.add(account)
        if why == "it is archived":
            account.archived_at = START
        if why == "they never confirmed the address":
            bram.confirmed_at = None
        db.session.flush()
        before = people_of(account)
        assert people_of(edit(ids, account.id, email=bram.email)) == before


def test_a_link_that_was_asked_for_before_does_not_move_it_again(on_stage: Any, ids: Ids) -> None:
    with on_stage():

        def link(**options: Any) -> None:
            tokens.issue(
                TokenPurpose.EMAIL_CHANGE, ids.jan, now=START, data={"email": "x@example.org"}, **options
            )

        link(customer_id=ids.jan_account)
        link(customer_id=ids.emma_account)
        link()
        edit(ids, email="books@example.org")
        live = db.session.scalars(
            sa.select(OneTimeToken.customer_id)
            .where(OneTimeToken.revoked_at.is_(None), OneTimeToken.purpose == TokenPurpose.EMAIL_CHANGE)
            .order_by(OneTimeToken.id)
        )
        assert list(live) == [ids.emma_account, None], "those of other accounts and of a log-in go on"


def test_the_language_is_the_shops_to_choose_where_nobody_or_several_log_in(on_stage: Any, ids: Ids) -> None:
    with on_stage():
        assert edit(ids, language="nl").language == "auto", "Jan's own choice counts"
        assert edit(ids, ids.emma_account, language="nl").language == "nl"
        assert edit(ids, ids.emma_account, language=None).language == "nl"
        assert entries() == [("customer.details_changed", {"changed": ["language"]})]


def test_who_saves_an_older_page_is_told(on_stage: Any, ids: Ids) -> None:
    with on_stage():
        shown = db.session.get_one(Customer, ids.jan_account).version
        edit(ids, city="Zeist")
        with pytest.raises(Conflict):
            edit(ids, version=shown, city="Amersfoort")
        assert db.session.get_one(Customer, ids.jan_account).city == "Zeist"
