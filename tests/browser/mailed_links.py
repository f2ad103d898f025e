"""Makes one of each link that is otherwise mailed and prints their paths, for their pages to be looked at too."""

from __future__ import annotations

from app import app
from portal.core import clock, database
from portal.core.tenancy import shop_scope
from portal.domain.people import tokens
from portal.domain.people.models import Invitation, Membership, Person, Role, TokenPurpose
from portal.domain.shops.queries import find_default_shop
from portal.extensions import db

if __name__ == "__main__":
    database.set_reading(False)
    with app.app_context():
        shop, now = find_default_shop(), clock.now()
        assert shop is not None
        with shop_scope(shop.id):
            owner = db.session.query(Membership).filter_by(role=Role.OWNER).order_by(Membership.id).first()
            assert owner is not None
            email = f"newcomer-{now.timestamp()}@example.com"
            newcomer = Person(email=email, given_name="New", created_at=now)
            db.session.add(newcomer)
            db.session.flush()
            confirm = tokens.issue(TokenPurpose.CONFIRM, newcomer.id, now=now)
            reset = tokens.issue(TokenPurpose.RESET, owner.person_id, now=now)
            claim = tokens.issue(
                TokenPurpose.CLAIM,
                newcomer.id,
                now=now,
                customer_id=owner.customer_id,
                data={"owner_id": owner.person_id},
            )
            change = tokens.issue(
                TokenPurpose.EMAIL_CHANGE,
                owner.person_id,
                now=now,
                data={"email": email, "session_id": None},
            )
            # Without its mail, which would bring a newer link and end this one.
            invited = Invitation(
                customer_id=owner.customer_id, person_id=newcomer.id, role=Role.READ_ONLY, created_at=now
            )
            db.session.add(invited)
            db.session.flush()
            invitation = tokens.issue(
                TokenPurpose.INVITATION,
                newcomer.id,
                now=now,
                customer_id=owner.customer_id,
                data={"invitation_id": invited.id},
            )
            print(
                f"/confirm/{confirm} /reset-password/{reset} /claim/{claim} /change-email/{change} "
                f"/invitation/{invitation}"
            )
            db.session.commit()
