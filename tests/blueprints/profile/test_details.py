"""Edit details: one's own name, what is known of the account, and who may change which."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest
import sqlalchemy as sa

from portal.core import clock
from portal.core.audit import AuditEntry
from portal.domain.invoices.actions import buyer_snapshot
from portal.domain.invoices.models import Document
from portal.domain.people.models import Customer, CustomerKind, Membership, Person, Role
from portal.extensions import db
from tests.cast import START, make_invoice
from tests.page_client import find_all, parse
from tests.pages import text, words
from tests.rows import HOSTILE
from tests.statements import counted

PAGE = "/customer/profile"


@pytest.fixture(autouse=True)
def today() -> Any:
    with clock.frozen(START):
        yield


def address(on_stage: Any, customer_id: int) -> str:
    with on_stage():
        return f"{PAGE}/{db.session.get_one(Customer, customer_id).public_id}"


def filled(page: Any) -> dict[str, str]:
    """What the form on the page would send."""
    form = next(e for e in find_all(find_all(parse(page.text), "main")[0], "form") if _saves(e))
    values = {e.attrib["name"]: e.attrib.get("value", "") for e in find_all(form, "input")}
    for select in find_all(form, "select"):
        chosen = [e.attrib["value"] for e in find_all(select, "option") if "selected" in e.attrib]
        values[select.attrib["name"]] = chosen[0]
    values.pop("csrf_token")
    return values


def _saves(form: Any) -> bool:
    return form.attrib.get("action", "").startswith(PAGE)


def errors(page: Any) -> dict[str, str]:
    """What is said beside each field."""
    found = {}
    for e in find_all(parse(page.text), "p"):
        if e.attrib.get("class") == "field-error":
            found[e.attrib["id"].removeprefix("error-")] = words(e)
    return found


def account(on_stage: Any, customer_id: int) -> dict[str, Any]:
    with on_stage():
        return buyer_snapshot(db.session.get_one(Customer, customer_id))


def events(on_stage: Any) -> list[tuple[str, dict[str, Any]]]:
    with on_stage():
        return [(e.event, e.data) for e in db.session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id))]


def test_an_owner_sees_everything_filled_in_and_changes_it(login: Any, on_stage: Any, ids: Any) -> None:
    emma = login("emma")
    page = emma.get(PAGE)
    before = filled(page)
    assert before | {"version": ""} == {
        "version": "",
        "given_name": "Emma",
        "family_name": "de Vries",
        "name": "Emma de Vries",
        "phone": "",
        "street": "Lange Nieuwstraat 2",
        "postal_code": "3512 PH",
        "city": "Utrecht",
        "country": "NL",
    }
    answer = emma.send(
        address(on_stage, ids.emma_account),
        {**before, "name": "Familie De Vries", "phone": "030 1234567", "postal_code": "1000", "country": "BE",
         "street": "Kerkstraat 1", "city": "Brussel"},
    )  # fmt: skip
    assert (answer.status_code, answer.location) == (303, PAGE)
    assert "Your details are saved." in emma.get(PAGE).text
    after = filled(emma.get(PAGE))
    assert (after["name"], after["postal_code"], after["country"]) == ("Familie De Vries", "1000", "BE")
    assert int(after["version"]) == int(before["version"]) + 1
    ((event, data),) = events(on_stage)
    assert event == "customer.details_changed"
    # Names of columns and no details of anybody.
    assert sorted(data["changed"]) == ["city", "country", "name", "phone", "postal_code", "street"]


def test_saving_what_is_there_changes_nothing(login: Any, on_stage: Any, ids: Any) -> None:
    emma = login("emma")
    before = filled(emma.get(PAGE))
    assert emma.send(address(on_stage, ids.emma_account), before).status_code == 303
    assert filled(emma.get(PAGE)) == before and events(on_stage) == []


def test_who_is_alone_has_one_name_and_others_have_two(login: Any, on_stage: Any, ids: Any) -> None:
    jan, emma = login("jan"), login("emma")
    own = filled(jan.get(PAGE))
    assert "name" not in own and own["given_name"] == "Jan"
    jan.send(address(on_stage, ids.jan_account), {**own, "given_name": "Johannes"})
    assert account(on_stage, ids.jan_account)["name"] == "Johannes Jansen"

    emma.send(address(on_stage, ids.emma_account), {**filled(emma.get(PAGE)), "given_name": "Emmy"})
    assert account(on_stage, ids.emma_account)["name"] == "Emma de Vries"
    with on_stage():
        assert db.session.get_one(Person, ids.emma).name == "Emmy de Vries"


def test_the_longest_name_fits_the_account_too(login: Any, on_stage: Any, ids: Any) -> None:
    jan, longest = login("jan"), {"given_name": "J" * 100, "family_name": "J" * 100}
    for _twice in range(2):
        sent = {**filled(jan.get(PAGE)), **longest}
        assert jan.send(address(on_stage, ids.jan_account), sent).status_code == 303
        assert account(on_stage, ids.jan_account)["name"] == "J" * 100 + " " + "J" * 99
    assert "name" not in filled(jan.get(PAGE))


def test_an_account_that_the_shop_named_otherwise_keeps_that_name(
    login: Any, on_stage: Any, ids: Any
) -> None:
    with on_stage():
        db.session.get_one(Customer, ids.jan_account).name = "Crediteuren"
    jan = login("jan")
    assert filled(jan.get(PAGE))["name"] == "Crediteuren"
    jan.send(PAGE, {"given_name": "Johannes", "family_name": ""})
    assert account(on_stage, ids.jan_account)["name"] == "Crediteuren"
    with on_stage():
        assert db.session.get_one(Person, ids.jan).name == "Johannes"


BUSINESS = ("company", "vat_number", "chamber_number")


def test_only_a_business_has_a_businesss_details(login: Any, on_stage: Any, ids: Any) -> None:
    emma, jan = login("emma"), login("jan")
    assert not set(BUSINESS) & set(filled(emma.get(PAGE))) and set(BUSINESS) <= set(filled(jan.get(PAGE)))
    path, sent = address(on_stage, ids.emma_account), filled(emma.get(PAGE))
    emma.send(path, {**sent, "company": "Emma BV", "vat_number": "NL123456782B90", "kind": "business"})
    of_emma = account(on_stage, ids.emma_account)
    assert (of_emma["company"], of_emma["vat_number"]) == ("", "")
    refused = jan.send(address(on_stage, ids.jan_account), {**filled(jan.get(PAGE)), "company": " "})
    assert refused.status_code == 422 and errors(refused).keys() == {"company"}


def test_another_vat_number_has_to_be_checked_anew(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        of_jan = db.session.get_one(Customer, ids.jan_account)
        of_jan.vat_number, of_jan.vat_checked_on = "NL123456782B90", START.date()
        of_jan.vat_check_reference = "WAPI123"
    jan, path = login("jan"), address(on_stage, ids.jan_account)

    def checked() -> tuple[Any, str]:
        with on_stage():
            row = db.session.get_one(Customer, ids.jan_account)
            return row.vat_checked_on, row.vat_check_reference

    for same in ("NL123456782B90", "1234.56.782.b.90"):
        assert jan.send(path, {**filled(jan.get(PAGE)), "vat_number": same, "city": same}).status_code == 303
        assert checked() == (START.date(), "WAPI123")
    refused = jan.send(path, {**filled(jan.get(PAGE)), "vat_number": "NL123456783B90"})
    assert refused.status_code == 422 and "VAT number is not right" in errors(refused)["vat_number"]
    assert checked() == (START.date(), "WAPI123")
    assert jan.send(path, {**filled(jan.get(PAGE)), "vat_number": "BE0403170701"}).status_code == 303
    assert checked() == (None, "")


def test_all_that_is_wrong_is_said_at_once_and_what_was_typed_stays(
    login: Any, on_stage: Any, ids: Any
) -> None:
    jan = login("jan")
    typed = {
        **filled(jan.get(PAGE)), "given_name": "", "postal_code": "12", "phone": "call me", "vat_number": "NL1",
        "chamber_number": "1", "street": "Dam 1",
    }  # fmt: skip
    page = jan.send(address(on_stage, ids.jan_account), typed)
    assert page.status_code == 422
    assert errors(page).keys() == {"given_name", "postal_code", "phone", "vat_number", "chamber_number"}
    assert filled(page) == typed
    assert account(on_stage, ids.jan_account)["street"] == "Lange Nieuwstraat 2"


def test_documents_keep_the_details_of_their_day(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        document = make_invoice(ids.emma_account)
        document_id, before = document.id, dict(document.buyer)
    emma = login("emma")
    emma.send(
        address(on_stage, ids.emma_account),
        {**filled(emma.get(PAGE)), "name": "Somebody Else", "street": "Elsewhere 9"},
    )
    with on_stage():
        assert db.session.get_one(Document, document_id).buyer == before
        assert before["street"] == "Lange Nieuwstraat 2"
        assert make_invoice(ids.emma_account).buyer["street"] == "Elsewhere 9"


# Who may what.

SEES = {Role.OWNER, Role.BILLING, Role.READ_ONLY}
CHANGES = {Role.OWNER, Role.BILLING}


@pytest.mark.parametrize("role", list(Role))
def test_each_role(login: Any, on_stage: Any, ids: Any, role: Role) -> None:
    with on_stage():
        db.session.query(Membership).filter_by(person_id=ids.bram).one().role = role
    bram, path = login("bram"), address(on_stage, ids.emma_account)
    page = bram.get(PAGE)
    assert "Edit details" in page.text
    assert ("Lange Nieuwstraat" in page.text) is (role in SEES)
    assert ("emma@example.com" in text(page)) is (role in SEES)
    assert ("street" in filled(page)) is (role in CHANGES)

    sent = {**filled(login("emma").get(PAGE)), "given_name": "Bram", "family_name": "B", "city": "Zeist"}
    expected = 303 if role in CHANGES else 403
    assert bram.send(path, sent).status_code == expected
    assert bram.get(path).status_code == (200 if role in CHANGES else 403)
    assert account(on_stage, ids.emma_account)["city"] == ("Zeist" if role in CHANGES else "Utrecht")
    # Everybody has a name.
    assert bram.send(PAGE, {"given_name": "Abraham", "family_name": "Bakker"}).status_code == 303
    with on_stage():
        assert db.session.get_one(Person, ids.bram).given_name == "Abraham"
        assert db.session.get_one(Customer, ids.emma_account).name == "Emma de Vries"


def test_a_name_has_a_first_part(login: Any, on_stage: Any, ids: Any) -> None:
    bram = login("bram")
    page = bram.send(PAGE, {"given_name": " ", "family_name": "Bakker"})
    assert page.status_code == 422 and errors(page).keys() == {"given_name"}
    assert bram.send(PAGE, {"given_name": "Bram", "family_name": "Bakker"}).status_code == 303
    assert events(on_stage) == []


def test_strangers_and_visitors(login: Any, on_stage: Any, ids: Any, client: Any) -> None:
    path = address(on_stage, ids.emma_account)
    sent = filled(login("emma").get(PAGE))
    for who in ("jan", "dora"):
        stranger = login(who)
        assert stranger.get(path).status_code == stranger.send(path, sent).status_code == 404
    assert client.get(PAGE).status_code == 303
    # Words were typed: the log-in carries them.
    assert client.send(path, sent).status_code == 401


def test_the_account_that_was_shown_is_changed_and_not_the_one_chosen_since(
    login: Any, on_stage: Any, ids: Any
) -> None:
    with on_stage():
        db.session.add(
            Membership(person_id=ids.emma, customer_id=ids.jan_account, role=Role.OWNER, created_at=START)
        )
    emma = login("emma")
    sent = filled(emma.get(PAGE))
    with on_stage():
        of_jan = db.session.get_one(Customer, ids.jan_account).public_id
    assert emma.send("/preferences/account", {"account": of_jan}).status_code == 303
    assert emma.send(address(on_stage, ids.emma_account), {**sent, "city": "Zeist"}).status_code == 303
    assert account(on_stage, ids.emma_account)["city"] == "Zeist"
    assert account(on_stage, ids.jan_account)["city"] == "Utrecht"


def test_a_field_that_is_not_sent_is_empty_and_not_what_it_was(login: Any, on_stage: Any, ids: Any) -> None:
    """Or a page that sends no version would be taken for one that is up to date."""
    emma, path = login("emma"), address(on_stage, ids.emma_account)
    sent = filled(emma.get(PAGE))
    for name in ("version", "given_name", "name", "country"):
        page = emma.send(path, {key: value for key, value in sent.items() if key != name} | {"city": "X"})
        assert page.status_code == 422, name
    assert account(on_stage, ids.emma_account)["city"] == "Utrecht"


# Twice, and at once.


def test_a_page_that_is_behind_is_shown_again_with_what_was_typed(
    login: Any, on_stage: Any, ids: Any
) -> None:
    emma, path = login("emma"), address(on_stage, ids.emma_account)
    first, second = filled(emma.get(PAGE)), filled(emma.get(PAGE))
    assert emma.send(path, {**first, "city": "Zeist"}).status_code == 303
    behind = emma.send(path, {**second, "street": "Dam 1"})
    assert behind.status_code == 409 and "Somebody changed these details meanwhile" in behind.text
    assert account(on_stage, ids.emma_account)["street"] == "Lange Nieuwstraat 2"
    assert filled(behind)["street"] == "Dam 1"
    # Whoever looked may save it.
    assert emma.send(path, filled(behind)).status_code == 303
    assert account(on_stage, ids.emma_account)["street"] == "Dam 1"


def test_two_at_once_end_in_one_change(login: Any, on_stage: Any, ids: Any, app: Any) -> None:
    path = address(on_stage, ids.emma_account)
    windows = [login("emma"), login("emma")]
    sent = [{**filled(each.get(PAGE)), "csrf_token": each.token()} for each in windows]
    start, statuses = threading.Barrier(2), []

    def save(n: int) -> None:
        start.wait()
        headers = {"Referer": f"https://{windows[n].host}/"}
        answer = windows[n].post(path, data={**sent[n], "city": f"City {n}"}, headers=headers)
        statuses.append(answer.status_code)

    threads = [threading.Thread(target=save, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [303, 409]
    assert len(events(on_stage)) == 1


def test_the_page_costs_a_few_statements(app: Any, login: Any) -> None:
    emma = login("emma")
    emma.get(PAGE)
    with counted(app) as statements:
        emma.get(PAGE)
    # Session, frame (2), person, account, whether they are one (2, once: it is asked for name and address).
    assert len(statements) <= 9, "\n\n".join(statements)


def test_hostile_text_is_shown_as_typed(login: Any, on_stage: Any, ids: Any) -> None:
    emma = login("emma")
    typed = {
        **filled(emma.get(PAGE)),
        "street": HOSTILE,
        "city": "\u202e\U0001f600=1+1",
        "given_name": HOSTILE[:90],
    }
    assert emma.send(address(on_stage, ids.emma_account), typed).status_code == 303
    page = emma.get(PAGE)
    assert filled(page)["street"] == HOSTILE and "<script>alert" not in page.text and "<img" not in page.text


@pytest.mark.parametrize("who", ["emma", "jan", "bram"])
def test_in_dutch_nothing_is_english(login: Any, on_stage: Any, ids: Any, who: str) -> None:
    with on_stage():
        db.session.get_one(Person, getattr(ids, who)).language = "nl"
    page = login(who).get(PAGE)
    for english in (
        "Edit",
        "Details",
        "Change",
        "Save",
        "invoices",
        "Country",
        "Netherlands",
        "Postal",
        "optional",
    ):
        assert not re.search(rf"\b{english}\b", text(page)), english
    assert "Gegevens wijzigen" in text(page) and "Nederland" in text(page)


def test_a_business_stays_one(login: Any, on_stage: Any, ids: Any) -> None:
    jan = login("jan")
    jan.send(address(on_stage, ids.jan_account), {**filled(jan.get(PAGE)), "kind": "consumer"})
    with on_stage():
        assert db.session.get_one(Customer, ids.jan_account).kind is CustomerKind.BUSINESS
