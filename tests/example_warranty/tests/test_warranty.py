"""Run as ``tests/packages.py`` says. ``emma`` owns her account, ``bram`` reads it, ``jan`` has another."""

from __future__ import annotations

import re
from datetime import timedelta

import sqlalchemy as sa
from loket_warranty import jobs
from loket_warranty.models import Registration, RegistrationStatus

from portal import api
from portal.core.mailer import MailMessage

LIST = "/customer/warranty"
MILL = {"product": "Coffee mill", "serial": "A-1", "bought_on": "2026-01-31"}


def register(client, **changed):
    page = client.get(f"{LIST}/new").get_data(as_text=True)
    account = re.search(r'name="account"[^>]*value="([^"]+)"', page)[1]
    return client.send(f"{LIST}/new", {"account": account, **MILL, **changed})


def add(customer_id, serial="B-2"):
    day = api.now().date()
    row = Registration(
        customer_id=customer_id,
        product=f"Mill {serial}",
        serial=serial,
        bought_on=day,
        ends_on=day + timedelta(days=9),
    )
    api.db.session.add(row)
    api.db.session.flush()
    return row.public_id


def test_a_registration_is_kept_mailed_and_worked_on(login, on_stage, ids):
    answer = register(login("emma"))
    assert answer.status_code == 303
    with on_stage():
        row = api.db.session.scalars(sa.select(Registration)).one()
        assert (row.customer_id, row.status, str(row.ends_on)) == (
            ids.emma_account, RegistrationStatus.ACTIVE, "2028-01-31",
        )  # fmt: skip
        step = jobs.announce({"id": row.id}, now=api.now())
        assert step.then(step.work(), now=api.now()) is None and row.announced_at is not None
        assert jobs.announce({"id": row.id}, now=api.now()) is None, "it may run twice"
        mails = api.db.session.execute(sa.select(MailMessage.name, MailMessage.to, MailMessage.context)).all()
    (mail,) = [mail for mail in mails if mail.name == "warranty_registered"]
    assert mail.to == ["emma@example.com"] and mail.context["customer"] == "Emma de Vries"
    page = login("emma").get(answer.location).get_data(as_text=True)
    assert "A-1" in page and "Under warranty" in page


def test_the_form_shows_what_is_wrong(login):
    emma = login("emma")
    assert register(emma).status_code == 303
    for changed, says in [
        ({}, "You have registered this serial number already."),
        ({"serial": "A-2", "bought_on": "2999-01-01"}, "This day is still to come."),
        ({"product": ""}, "Fill in a product."),
        ({"bought_on": "x"}, "Write the day as 2026-01-31."),
        ({"account": "other"}, "You changed to another account meanwhile."),
    ]:
        answer = register(emma, **changed)
        assert answer.status_code == 422 and says in answer.get_data(as_text=True), changed
    assert emma.post(f"{LIST}/new", data=MILL).status_code == 422, "without a token"


def test_it_is_ended_once_and_by_whom_may(login, on_stage, ids):
    with on_stage():
        path = f"{LIST}/{add(ids.emma_account)}"
    assert login("jan").get(path).status_code == 404
    assert login("jan").send(f"{path}/withdraw").status_code == 404
    assert login("bram").get(path).status_code == 200
    assert login("bram").send(f"{path}/withdraw").status_code == 403
    emma = login("emma")
    assert emma.get(f"{path}/withdraw").status_code == 200
    assert emma.send(f"{path}/withdraw").status_code == 303
    assert emma.send(f"{path}/withdraw").status_code == 409


def test_what_ran_out_is_expired(on_stage, ids):
    with on_stage():
        add(ids.emma_account)
        jobs.expire(now=api.now() + timedelta(days=8))
        assert api.db.session.scalar(sa.select(Registration.status)) is RegistrationStatus.ACTIVE
        jobs.expire(now=api.now() + timedelta(days=11))
        api.db.session.expire_all()
        assert api.db.session.scalar(sa.select(Registration.status)) is RegistrationStatus.EXPIRED


def test_it_stands_around_every_page_in_the_readers_language(login, on_stage, ids):
    with on_stage():
        add(ids.emma_account)
    emma = login("emma")
    page = emma.get("/customer").get_data(as_text=True)
    assert "Warranty ends first" in page and "9 days left" in page and "Registered products" in page
    page = emma.get(LIST, headers={"Accept-Language": "nl"}).get_data(as_text=True)
    assert "Garantie" in page and "Onder garantie" in page and "nog 9 dagen" in page
    icon = re.search(r'href="(/customer/warranty/static/icons.svg\?v=[0-9a-f]+)#seal"', page)[1]
    answer = emma.get(icon)
    assert answer.status_code == 200 and "max-age=31536000" in answer.headers["Cache-Control"]


def test_the_office_sees_the_shops_own(login, on_stage, ids):
    with on_stage():
        add(ids.emma_account)
    with on_stage(ids.other_shop):
        add(ids.dora_account, "C-3")
    page = login("saskia").get("/office/warranty").get_data(as_text=True)
    assert "B-2" in page and "C-3" not in page and "Emma de Vries" in page
    assert "C-3" in login("wim").get("/office/warranty").get_data(as_text=True)
