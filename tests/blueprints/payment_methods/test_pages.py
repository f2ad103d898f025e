"""The list of payment methods, the page of one, making it the default, taking it back, and its mandate as PDF."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import clock, outbox
from portal.core.audit import AuditEntry
from portal.domain.collections.instalments import schedule
from portal.domain.collections.models import (
    CaseStatus,
    CollectionCase,
    PaymentPlan,
    PlanInstalment,
    PlanStatus,
)
from portal.domain.collections.states import PLAN_AGREED
from portal.domain.methods.models import MethodKind, MethodStatus, PaymentMethod
from portal.domain.payments import saving
from portal.domain.payments.models import Payment, PaymentStatus
from portal.domain.people.models import Customer, Membership, Role
from portal.domain.shops.models import Mode
from portal.domain.subscriptions import paid_with
from portal.domain.subscriptions.models import Subscription, SubscriptionStatus
from portal.extensions import db
from tests.cast import START, Ids
from tests.domain.invoices.test_queries import plans
from tests.page_client import PageClient
from tests.pages import links, neighbour, row_headers, text
from tests.rows import HOSTILE, make_case, make_charge, make_method, make_subscription
from tests.statements import counted

LIST = "/customer/payment-methods"
Login = Callable[..., PageClient]
Stage = Callable[..., Any]

CHANGES = {Role.OWNER, Role.BILLING}
SEES = CHANGES | {Role.READ_ONLY}


def visit(login: Login, address: str, who: str = "emma", **options: Any) -> Any:
    with clock.frozen(START):
        return login(who, now=START).get(address, **options)


def press(login: Login, address: str, data: dict[str, str] | None = None, who: str = "emma") -> Any:
    with clock.frozen(START):
        return login(who, now=START).send(address, data)


def saved(on_stage: Stage, account: int, **options: Any) -> str:
    with on_stage():
        return make_method(account, **options).public_id


def of(public_id: str) -> PaymentMethod:
    return db.session.scalars(sa.select(PaymentMethod).where(PaymentMethod.public_id == public_id)).one()


def events(area: str) -> list[str]:
    found = db.session.scalars(sa.select(AuditEntry.event).order_by(AuditEntry.id))
    return [event for event in found if event.startswith(f"{area}.")]


def become(on_stage: Stage, ids: Ids, role: Role) -> None:
    with on_stage():
        of_emma = sa.select(Membership).where(Membership.person_id == ids.emma)
        db.session.scalars(of_emma).one().role = role


def paid_by(method: PaymentMethod, ids: Ids, status: PlanStatus = PlanStatus.ACTIVE) -> PaymentPlan:
    """A payment plan of Emma's, in a case of its own, that a method pays."""
    case = make_case(ids.emma_account, status=CaseStatus.WITH_PLAN)
    plan = PaymentPlan(
        case_id=case.id,
        status=status,
        instalment_count=2,
        currency="EUR",
        total_minor=12100,
        payment_method_id=method.id,
        created_at=START,
    )
    db.session.add(plan)
    db.session.flush()
    for each in schedule(12100, 2, agreed_on=START.date()):
        row = PlanInstalment(
            plan_id=plan.id, position=each.position, due_on=each.due_on, amount_minor=each.amount_minor
        )
        db.session.add(row)
    db.session.flush()
    return plan


class TestList:
    def test_without_methods_it_says_what_will_be_there(self, login: Login) -> None:
        page = login("emma").get(LIST)
        assert row_headers(page) == [] and "No payment methods yet" in text(page)
        assert f"{LIST}/new" in links(page)

    def test_a_row_says_all_that_is_known(self, login: Login, on_stage: Stage, ids: Ids) -> None:
        with on_stage():
            method = make_method(
                ids.emma_account, is_default=True, reference="M00001-1", signed_on=date(2026, 3, 5)
            )
            for name in ("Apples", "Bread", "Coffee"):
                make_subscription(ids.emma_account, name=name, payment_method_id=method.id)
            make_subscription(
                ids.emma_account,
                name="Aardvark",
                payment_method_id=method.id,
                status=SubscriptionStatus.CANCELLED,
            )
        said = text(visit(login, LIST))
        for part in (
            "NL•• •••• •••• 4300", "Direct debit", "M00001-1", "E. de Vries", "5 Mar 2026", "Apples and 2 more",
            "Next 15 Nov 2026", "Valid", "Default",
        ):  # fmt: skip
            assert part in said, said
        assert "Aardvark" not in said

    def test_it_pays_a_payment_plan_too(self, login: Login, on_stage: Stage, ids: Ids) -> None:
        with on_stage():
            method, other = (make_method(ids.emma_account, masked=name) for name in ("First", "Second"))
            number = db.session.get_one(CollectionCase, paid_by(method, ids).case_id).number
            make_subscription(
                ids.emma_account,
                name="Coffee",
                payment_method_id=method.id,
                next_billing_on=date(2026, 12, 15),
            )
            make_subscription(ids.emma_account, name="Tea", payment_method_id=other.id)
        said = text(visit(login, LIST))
        assert f"Coffee Payment plan {number} Next 1 Dec 2026 Valid" in said, said
        assert said.count("Payment plan") == 1 and "Tea Next 15 Nov 2026" in said

    def test_what_is_over_stands_apart(self, login: Login, on_stage: Stage, ids: Ids) -> None:
        signed = date(2026, 3, 5)
        for number, (status, signed_on) in enumerate(
            [
                (MethodStatus.PENDING, None), (MethodStatus.VALID, signed), (MethodStatus.INVALID, signed),
                (MethodStatus.INVALID, None), (MethodStatus.REVOKED, signed),
            ]
        ):  # fmt: skip
            saved(on_stage, ids.emma_account, status=status, signed_on=signed_on, masked=f"Card {number}")
        now = [header.split(" Direct")[0] for header in row_headers(visit(login, LIST))]
        earlier = [
            header.split(" Direct")[0] for header in row_headers(visit(login, f"{LIST}?status=earlier"))
        ]
        assert (now, earlier) == (["Card 2", "Card 1", "Card 0"], ["Card 4", "Card 3"])

    def test_pages_of_25(self, app: Flask, login: Login, on_stage: Stage, ids: Ids) -> None:
        for number in range(26):
            saved(on_stage, ids.emma_account, masked=f"Card {number}")
        first = visit(login, LIST)
        assert len(row_headers(first)) == 25 and "Card 25" in row_headers(first)[0]
        second = visit(login, neighbour(first, "next"))
        assert len(row_headers(second)) == 1 and "Card 0" in row_headers(second)[0]
        assert len(row_headers(visit(login, neighbour(second, "prev")))) == 25

    def test_the_same_statements_for_one_and_for_25(
        self, app: Flask, login: Login, on_stage: Stage, ids: Ids
    ) -> None:
        saved(on_stage, ids.emma_account)
        seen = []
        for _ in range(2):
            client = login("emma", now=START)
            with clock.frozen(START):
                client.get(LIST)
                with counted(app) as statements:
                    client.get(LIST)
            seen.append(len(statements))
            with on_stage():
                for number in range(24):
                    method = make_method(ids.emma_account, masked=f"Card {number}")
                    make_subscription(ids.emma_account, payment_method_id=method.id)
        assert seen[0] == seen[1] <= 5

    def test_it_is_read_from_indexes_however_long_it_is(self, app: Flask, on_stage: Stage, ids: Ids) -> None:
        with on_stage():
            columns = {c.name: c for c in PaymentMethod.__table__.columns}
            rows = [
                {
                    "shop_id": ids.shop, "public_id": f"{number:022}", "mode": Mode.TEST,
                    "customer_id": ids.emma_account, "provider": "sandbox", "provider_ref": f"sbm_{number}",
                    "kind": MethodKind.SEPA, "status": MethodStatus.VALID, "is_default": False, "masked": "NL91",
                    "holder": "E", "mandate_text": "", "version": 1, "created_at": START,
                }
                for number in range(10_000)
            ]  # fmt: skip
            assert set(rows[0]) <= set(columns)
            db.session.commit()
            with db.engine.begin() as connection:
                connection.execute(sa.insert(PaymentMethod.__table__), rows)
            first = paid_with.list_methods(ids.emma_account, mode=Mode.TEST, earlier=False)
            with plans(app) as found:
                paid_with.list_methods(
                    ids.emma_account, mode=Mode.TEST, earlier=False, after=first.next_cursor
                )
        (plan,) = found
        assert "ix_payment_methods_customer_id" in plan and "ix_subscriptions_payment_method_id" in plan, plan
        assert not re.search(r"TEMP B-TREE|SCAN payment_methods|Sort|Seq Scan", plan), plan

    def test_markup_in_a_name_is_shown_as_text(self, login: Login, on_stage: Stage, ids: Ids) -> None:
        public_id = saved(on_stage, ids.emma_account, holder=HOSTILE)
        for address in (LIST, f"{LIST}/{public_id}", f"{LIST}/{public_id}/revoke"):
            assert b"<script>alert" not in visit(login, address).data


class TestPage:
    def test_it_says_what_it_pays_and_what_is_to_come(self, login: Login, on_stage: Stage, ids: Ids) -> None:
        with on_stage():
            method = make_method(ids.emma_account, signed_on=date(2026, 3, 5), reference="M00001-1")
            make_subscription(ids.emma_account, name="Coffee", payment_method_id=method.id)
            make_subscription(
                ids.emma_account,
                name="Letter",
                payment_method_id=method.id,
                status=SubscriptionStatus.PAUSED,
            )
            make_charge(
                ids.emma_account, method.id, PaymentStatus.PENDING, description="Halve Maan 2026-0007"
            )
            make_charge(ids.emma_account, method.id, PaymentStatus.FAILED, description="Halve Maan 2026-0006")
            address = f"{LIST}/{method.public_id}"
        said = text(visit(login, address))
        assert "Halve Maan 2026-0007 1 Nov 2026 Under way € 24.50" in said.replace("\xa0", " ")
        assert "Coffee 15 Nov 2026 Planned € 24.50" in said.replace("\xa0", " ")
        assert "Letter" in said and "2026-0006" not in said
        assert said.count("Planned") == 1

    def test_the_next_instalment_is_to_come(self, login: Login, on_stage: Stage, ids: Ids) -> None:
        with on_stage():
            method = make_method(ids.emma_account)
            number = db.session.get_one(CollectionCase, paid_by(method, ids).case_id).number
            for name, day in (("Coffee", date(2026, 12, 15)), ("Tea", date(2026, 11, 15))):
                make_subscription(
                    ids.emma_account, name=name, payment_method_id=method.id, next_billing_on=day
                )
            other = make_method(ids.emma_account, masked="Other")
            paid_by(other, ids)
            address = f"{LIST}/{method.public_id}"
        said = text(visit(login, address)).replace("\xa0", " ")
        wanted = (
            f"Tea 15 Nov 2026 Planned € 24.50 Payment plan {number} 1 Dec 2026 Planned € 60.50"
            " Coffee 15 Dec 2026 Planned € 24.50"
        )
        assert wanted in said, said
        with clock.frozen(START + timedelta(days=31)):
            late = text(login("emma", now=clock.now()).get(address)).replace("\xa0", " ")
        assert f"Payment plan {number} 1 Dec 2026 Late € 60.50" in late, late

    def test_nothing_is_promised_of_one_that_cannot_be_charged(
        self, login: Login, on_stage: Stage, ids: Ids
    ) -> None:
        with on_stage():
            method = make_method(ids.emma_account, status=MethodStatus.INVALID, signed_on=date(2026, 3, 5))
            make_subscription(ids.emma_account, payment_method_id=method.id)
            paid_by(method, ids)
            address = f"{LIST}/{method.public_id}"
        said = text(visit(login, address))
        assert "Planned" not in said and "This can no longer be charged" in said

    def test_its_statements(self, app: Flask, login: Login, on_stage: Stage, ids: Ids) -> None:
        public_id = saved(on_stage, ids.emma_account)
        client = login("emma", now=START)
        with clock.frozen(START):
            client.get(f"{LIST}/{public_id}")
            with counted(app) as statements:
                client.get(f"{LIST}/{public_id}")
        assert len(statements) <= 7, statements

    def test_dutch_has_no_english(self, login: Login, on_stage: Stage, ids: Ids) -> None:
        public_id = saved(on_stage, ids.emma_account, is_default=True, signed_on=date(2026, 3, 5))
        for address in (
            LIST, f"{LIST}?status=earlier", f"{LIST}/new", f"{LIST}/{public_id}", f"{LIST}/{public_id}/revoke",
        ):  # fmt: skip
            said = text(visit(login, address, headers={"Accept-Language": "nl"}))
            english = re.findall(
                r"\b(?:Payment|Remove|Default|Account|Valid|Add|Holder|Signed|Nothing|the)\b", said
            )
            assert not english, (address, said)


class TestDefault:
    def test_it_moves_and_is_audited_once(self, login: Login, on_stage: Stage, ids: Ids) -> None:
        old = saved(on_stage, ids.emma_account, is_default=True)
        new = saved(on_stage, ids.emma_account, masked="NL91 •••• 4300")
        for _ in range(2):
            answer = press(login, f"{LIST}/{new}/default")
            assert (answer.status_code, answer.location) == (303, f"{LIST}/{new}")
        with on_stage():
            assert (of(old).is_default, of(new).is_default) == (False, True)
            assert events("method") == ["method.made_default"]

    @pytest.mark.parametrize("status", [MethodStatus.PENDING, MethodStatus.INVALID, MethodStatus.REVOKED])
    def test_only_a_valid_one_can_be(
        self, login: Login, on_stage: Stage, ids: Ids, status: MethodStatus
    ) -> None:
        public_id = saved(on_stage, ids.emma_account, status=status)
        press(login, f"{LIST}/{public_id}/default")
        with on_stage():
            assert not of(public_id).is_default and events("method") == []

    def test_the_database_keeps_a_second_one_out(self, on_stage: Stage, ids: Ids) -> None:
        saved(on_stage, ids.emma_account, is_default=True)
        with pytest.raises(sa.exc.IntegrityError), on_stage():
            make_method(ids.emma_account, is_default=True)


class TestRevoke:
    def revoke(self, login: Login, public_id: str, successor: str = "none") -> Any:
        return press(login, f"{LIST}/{public_id}/revoke", {"successor": successor})

    def test_one_that_nothing_depends_on_goes(self, login: Login, on_stage: Stage, ids: Ids) -> None:
        public_id = saved(on_stage, ids.emma_account, is_default=True)
        assert "nothing new is charged" in text(visit(login, f"{LIST}/{public_id}/revoke"))
        for _ in range(2):
            assert self.revoke(login, public_id).status_code == 303
        with on_stage():
            method = of(public_id)
            assert method.status is MethodStatus.REVOKED and not method.is_default
            assert method.revoked_at == START and events("method") == ["method.revoked"]
            assert outbox.find(saving.END, str(method.id)) is not None

    @pytest.mark.parametrize("status", [SubscriptionStatus.ACTIVE, SubscriptionStatus.TRIAL])
    def test_it_stays_while_something_active_has_nothing_else(
        self, login: Login, on_stage: Stage, ids: Ids, status: SubscriptionStatus
    ) -> None:
        with on_stage():
            method = make_method(ids.emma_account)
            make_method(ids.emma_account, status=MethodStatus.PENDING)
            make_method(ids.jan_account)
            make_subscription(ids.emma_account, payment_method_id=method.id, status=status)
            public_id = method.public_id
        page = visit(login, f"{LIST}/{public_id}/revoke")
        assert "cannot be removed yet" in text(page) and f"{LIST}/new" in links(page)
        answer = self.revoke(login, public_id)
        assert answer.status_code == 409 and "no other valid payment method" in text(answer)
        with on_stage():
            assert of(public_id).status is MethodStatus.VALID
            assert events("method") == [] and outbox.find(saving.END, str(of(public_id).id)) is None

    def test_subscriptions_go_to_the_default(self, login: Login, on_stage: Stage, ids: Ids) -> None:
        with on_stage():
            make_method(ids.emma_account, masked="Visa 1")
            heir = make_method(ids.emma_account, masked="Visa 2", is_default=True)
            gone = make_method(ids.emma_account, masked="Visa 3")
            make_subscription(ids.emma_account, payment_method_id=gone.id)
            make_subscription(ids.emma_account, payment_method_id=gone.id, status=SubscriptionStatus.PAUSED)
            make_subscription(
                ids.emma_account, payment_method_id=gone.id, status=SubscriptionStatus.CANCELLED
            )
            names = gone.public_id, heir.public_id
        said = text(visit(login, f"{LIST}/{names[0]}/revoke"))
        assert "2 subscriptions are paid with Direct debit Visa 2" in said
        assert self.revoke(login, *names).status_code == 303
        with on_stage():
            paid = db.session.scalars(sa.select(Subscription.payment_method_id).order_by(Subscription.id))
            assert list(paid) == [of(names[1]).id, of(names[1]).id, of(names[0]).id]
            assert events("subscription") == ["subscription.method_changed"] * 2

    def test_without_an_heir_paused_ones_are_left_with_none(
        self, login: Login, on_stage: Stage, ids: Ids
    ) -> None:
        with on_stage():
            method = make_method(ids.emma_account)
            make_subscription(ids.emma_account, payment_method_id=method.id, status=SubscriptionStatus.PAUSED)
            public_id = method.public_id
        assert "has no payment method then" in text(visit(login, f"{LIST}/{public_id}/revoke"))
        assert self.revoke(login, public_id).status_code == 303
        with on_stage():
            assert list(db.session.scalars(sa.select(Subscription.payment_method_id))) == [None]

    @pytest.mark.parametrize("status", PLAN_AGREED)
    def test_it_stays_while_a_payment_plan_has_nothing_else(
        self, login: Login, on_stage: Stage, ids: Ids, status: PlanStatus
    ) -> None:
        with on_stage():
            method = make_method(ids.emma_account)
            make_method(ids.emma_account, mode=Mode.LIVE)
            plan = paid_by(method, ids, status=status)
            case = db.session.get_one(CollectionCase, plan.case_id).number
            public_id = method.public_id
        page = visit(login, f"{LIST}/{public_id}/revoke")
        assert "cannot be removed yet" in text(page) and f"A payment plan is paid with it: {case}" in text(
            page
        )
        answer = self.revoke(login, public_id)
        assert answer.status_code == 409 and f"A payment plan is paid with this ({case})" in text(answer)
        with on_stage():
            assert of(public_id).status is MethodStatus.VALID
            assert db.session.scalars(sa.select(PaymentPlan.payment_method_id)).one() == of(public_id).id
            assert events("method") == [] and outbox.find(saving.END, str(of(public_id).id)) is None

    @pytest.mark.parametrize("with_subscription", [False, True])
    def test_payment_plans_go_to_the_default_too(
        self, login: Login, on_stage: Stage, ids: Ids, with_subscription: bool
    ) -> None:
        with on_stage():
            heir = make_method(ids.emma_account, masked="Visa 2", is_default=True)
            gone = make_method(ids.emma_account, masked="Visa 3")
            over = paid_by(gone, ids, status=PlanStatus.COMPLETED)
            plan = paid_by(gone, ids)
            if with_subscription:
                make_subscription(ids.emma_account, payment_method_id=gone.id)
            names, plans = (gone.public_id, heir.public_id), (over.id, plan.id)
        assert "is paid with Direct debit Visa 2 from then on" in text(
            visit(login, f"{LIST}/{names[0]}/revoke")
        ).replace("\xa0", " ")
        with clock.frozen(START):
            emma = login("emma", now=START)
            answer = emma.send(f"{LIST}/{names[0]}/revoke", {"successor": names[1]})
            assert "What it paid is paid with Visa 2 now" in text(emma.get(answer.location)).replace(
                "\xa0", " "
            )
        with on_stage():
            paid = [db.session.get_one(PaymentPlan, each).payment_method_id for each in plans]
            assert paid == [of(names[0]).id, of(names[1]).id], "one that is over stays as it was"
            assert events("plan") == ["plan.method_changed"]

    @pytest.mark.parametrize("status", [PlanStatus.COMPLETED, PlanStatus.BROKEN, PlanStatus.CANCELLED])
    def test_a_plan_that_is_over_keeps_nothing(
        self, login: Login, on_stage: Stage, ids: Ids, status: PlanStatus
    ) -> None:
        with on_stage():
            method = make_method(ids.emma_account)
            paid_by(method, ids, status=status)
            public_id = method.public_id
        assert "payment plan" not in text(visit(login, f"{LIST}/{public_id}/revoke")).lower()
        assert self.revoke(login, public_id).status_code == 303
        with on_stage():
            assert of(public_id).status is MethodStatus.REVOKED and events("plan") == []

    def test_nothing_goes_to_a_method_of_the_other_mode(
        self, login: Login, on_stage: Stage, ids: Ids
    ) -> None:
        with on_stage():
            live = make_method(ids.emma_account, mode=Mode.LIVE, is_default=True)
            gone = make_method(ids.emma_account)
            make_subscription(ids.emma_account, payment_method_id=gone.id)
            names = gone.public_id, live.public_id
        assert "cannot be removed yet" in text(visit(login, f"{LIST}/{names[0]}/revoke"))
        assert self.revoke(login, *names).status_code == 409

    def test_the_default_goes_on_to_another(self, login: Login, on_stage: Stage, ids: Ids) -> None:
        heir = saved(on_stage, ids.emma_account)
        gone = saved(on_stage, ids.emma_account, is_default=True)
        self.revoke(login, gone, heir)
        with on_stage():
            assert of(heir).is_default and not of(gone).is_default

    def test_who_was_told_of_another_heir_looks_again(self, login: Login, on_stage: Stage, ids: Ids) -> None:
        heir, gone = saved(on_stage, ids.emma_account), saved(on_stage, ids.emma_account)
        answer = self.revoke(login, gone)
        assert answer.status_code == 409 and "changed meanwhile" in text(answer)
        assert heir in answer.get_data(as_text=True)
        with on_stage():
            assert of(gone).status is MethodStatus.VALID

    def test_what_is_under_way_is_named_and_goes_on(self, login: Login, on_stage: Stage, ids: Ids) -> None:
        with on_stage():
            method = make_method(ids.emma_account)
            make_charge(ids.emma_account, method.id, PaymentStatus.PENDING)
            public_id = method.public_id
        assert "A debit of € 24.50 is under way and goes on" in text(
            visit(login, f"{LIST}/{public_id}/revoke")
        ).replace("\xa0", " ")
        self.revoke(login, public_id)
        with on_stage():
            assert list(db.session.scalars(sa.select(Payment.status))) == [PaymentStatus.PENDING]

    @pytest.mark.parametrize("status", [MethodStatus.PENDING, MethodStatus.INVALID])
    def test_only_a_valid_one_can_go(
        self, login: Login, on_stage: Stage, ids: Ids, status: MethodStatus
    ) -> None:
        public_id = saved(on_stage, ids.emma_account, status=status)
        assert visit(login, f"{LIST}/{public_id}/revoke").status_code == 303
        assert self.revoke(login, public_id).status_code == 409
        with on_stage():
            assert of(public_id).status is status and events("method") == []


class TestMandate:
    TEXT = "By signing this mandate you allow De Halve Maan."

    def test_it_is_a_pdf_of_what_was_agreed_to(self, login: Login, on_stage: Stage, ids: Ids) -> None:
        public_id = saved(
            on_stage, ids.emma_account, mandate_text=self.TEXT, signed_on=date(2026, 3, 5), reference="M1-2"
        )
        answer = visit(login, f"{LIST}/{public_id}/mandate")
        assert answer.data.startswith(b"%PDF-") and answer.mimetype == "application/pdf"
        assert "filename=mandate-m1-2.pdf" in answer.headers["Content-Disposition"]
        assert links(visit(login, f"{LIST}/{public_id}")).get(f"{LIST}/{public_id}/mandate")

    @pytest.mark.parametrize(
        ("language", "name"), [("en", "mandate-m1-2.pdf"), ("nl", "machtiging-m1-2.pdf")]
    )
    def test_in_the_accounts_language(
        self, login: Login, on_stage: Stage, ids: Ids, language: str, name: str
    ) -> None:
        with on_stage():
            db.session.get_one(Customer, ids.emma_account).language = language
        public_id = saved(
            on_stage, ids.emma_account, mandate_text=self.TEXT, signed_on=date(2026, 3, 5), reference="M1-2"
        )
        assert name in visit(login, f"{LIST}/{public_id}/mandate").headers["Content-Disposition"]

    @pytest.mark.parametrize(
        "options",
        [{"kind": MethodKind.CARD, "signed_on": date(2026, 3, 5)}, {"signed_on": None}, {"mandate_text": ""}],
    )
    def test_there_is_none_of_what_nobody_signed(
        self, login: Login, on_stage: Stage, ids: Ids, options: dict[str, Any]
    ) -> None:
        values = {"mandate_text": self.TEXT, "signed_on": date(2026, 3, 5), **options}
        public_id = saved(on_stage, ids.emma_account, **values)
        assert visit(login, f"{LIST}/{public_id}/mandate").status_code == 404
        assert f"{LIST}/{public_id}/mandate" not in links(visit(login, f"{LIST}/{public_id}"))


@pytest.mark.parametrize("role", Role)
def test_who_may_see_and_who_may_change(login: Login, on_stage: Stage, ids: Ids, role: Role) -> None:
    """Every address of the section, by every role of the account."""
    public_id = saved(
        on_stage, ids.emma_account, mandate_text="I agree.", signed_on=date(2026, 3, 5), is_default=True
    )
    become(on_stage, ids, role)
    for address in (LIST, f"{LIST}/{public_id}", f"{LIST}/{public_id}/mandate"):
        assert (visit(login, address).status_code == 200) == (role in SEES), (role, address)
        assert visit(login, address).status_code in (200, 403)
    for address in (f"{LIST}/new", f"{LIST}/{public_id}/revoke", f"{LIST}/{public_id}/return"):
        assert (visit(login, address).status_code != 403) == (role in CHANGES), (role, address)
    for address in ("default", "continue", "stop", "revoke"):
        answer = press(login, f"{LIST}/{public_id}/{address}", {"successor": "none"})
        assert (answer.status_code != 403) == (role in CHANGES), (role, address)
    assert (press(login, f"{LIST}/new", {"kind": "x"}).status_code != 403) == (role in CHANGES)
    with on_stage():
        assert (of(public_id).status is MethodStatus.REVOKED) == (role in CHANGES)
    if role in SEES:
        assert (f"{LIST}/new" in links(visit(login, f"{LIST}?status=earlier"))) == (role in CHANGES)
