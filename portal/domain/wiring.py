"""The domain's side of ``core.wiring``, and the modules that must be known: every table, and what drains work."""

from __future__ import annotations

import re
from collections.abc import Collection

import portal.core.mail_delivery
import portal.domain.catalog.models
import portal.domain.collections.actions
import portal.domain.collections.models
import portal.domain.invoices.bundle_jobs
import portal.domain.invoices.jobs
import portal.domain.invoices.mails
import portal.domain.notices.models
import portal.domain.orders.actions
import portal.domain.orders.models
import portal.domain.payments.jobs
import portal.domain.payments.mails
import portal.domain.payments.refunding_jobs
import portal.domain.payments.saving_jobs
import portal.domain.payments.statement_jobs
import portal.domain.people.forgetting
import portal.domain.people.jobs
import portal.domain.people.words
import portal.domain.subscriptions.models
import portal.domain.tickets.cancelling
import portal.domain.tickets.models
import portal.domain.tickets.paying_out
import portal.domain.tickets.plans
import portal.domain.tickets.words  # noqa: F401
from portal.core.access import Audience
from portal.core.sections import BadSection, Section
from portal.core.wiring import Wiring
from portal.domain.people import permissions, staff_permissions
from portal.domain.people.queries import find_signed_in
from portal.domain.people.staff import find_staff_signed_in
from portal.domain.shops.envelope import mail_envelope
from portal.domain.shops.queries import find_shop_by_host, list_shop_ids, shop_place


def functions() -> Wiring:
    """What ``create_app`` puts where the core looks for it."""
    return Wiring(
        shop_by_host=find_shop_by_host,
        shop_ids=list_shop_ids,
        shop_links=shop_place,
        load_principal={"person": find_signed_in, "staff": find_staff_signed_in},
        mail_envelope=mail_envelope,
        grant=_grant,
    )


def _grant(section: Section) -> Collection[str]:
    """The rights of a section's own, for its face; they begin with its key, so that nobody has them by chance."""
    is_office = section.audience is Audience.STAFF
    before = f"office.{section.key}" if is_office else section.key
    for word in section.permissions:
        if not re.fullmatch(rf"{re.escape(before)}\.[a-z][a-z_]*", word):
            raise BadSection(f"{section.key}: a permission of its own is {before}.verb, not {word!r}")
    try:
        if is_office:
            staff_permissions.grant(section.permissions)
            return staff_permissions.known()
        permissions.grant(section.permissions)
        return permissions.known()
    except ValueError as error:
        raise BadSection(f"{section.key}: a permission goes to a role, and {error}") from None
