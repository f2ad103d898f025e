"""What an extension may import; everything else in ``portal`` may change without a word.

Sections (entry point group ``portal.sections``) and payment providers (``portal.payment_providers``) are written
against these names. ``docs/sections.md`` says a line about each; two installable packages that use them are in
``tests/example_section`` and ``tests/example_warranty``.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from portal.core.access import OWN, Audience, customer_ids, needs, of_objects, open_for, public, same_account
from portal.core.audit import Actor, record
from portal.core.clock import now, today
from portal.core.errors import Conflict, DomainError, Forbidden, NotFound, ProviderError
from portal.core.forms import DayField, PortalForm, checked_by_form, hidden_field, text_field
from portal.core.frame import AlertLink, AlertRow, alert_columns
from portal.core.links import external as external_url
from portal.core.mailer import Category, Mail
from portal.core.mailer import queue as queue_mail
from portal.core.message_limits import limited
from portal.core.money import Money, parse_amount
from portal.core.outbox import Failed, NotReady, Outside, Retry
from portal.core.outbox import add as add_work
from portal.core.outbox import handler as work_handler
from portal.core.pagination import Page, keyset
from portal.core.principals import current_membership, current_person, current_staff
from portal.core.schedule import periodic
from portal.core.sections import Alert, Card, FrameScope, NavItem, Section
from portal.core.shops import current_shop
from portal.core.signals import signal
from portal.core.tables import (
    Base,
    CustomerOwned,
    Id,
    LabelEnum,
    PublicId,
    Scaled4,
    ShopOwned,
    Timestamped,
    UTCDateTime,
    Versioned,
    minor,
    stored_file,
    word,
)
from portal.domain.invoices.queries import Filter as InvoiceFilter
from portal.domain.invoices.queries import InvoiceRow, count_unpaid, list_invoices
from portal.domain.payments.provider import PaymentProvider
from portal.domain.payments.registry import Entry
from portal.domain.people.permissions import Permission
from portal.domain.people.reading import AccountInfo, account_names, find_account, mail_account, mail_staff
from portal.domain.people.recipients import Switch
from portal.domain.people.staff_permissions import StaffPermission
from portal.domain.shops.models import Mode
from portal.extensions import db

#: What a badge or a card's count is: a scalar subquery.
ScalarSelect = sa.ScalarSelect[Any]

__all__ = [
    "OWN",
    "AccountInfo",
    "Actor",
    "Alert",
    "AlertLink",
    "AlertRow",
    "Audience",
    "Base",
    "Card",
    "Category",
    "Conflict",
    "CustomerOwned",
    "DayField",
    "DomainError",
    "Entry",
    "Failed",
    "Forbidden",
    "FrameScope",
    "Id",
    "InvoiceFilter",
    "InvoiceRow",
    "LabelEnum",
    "Mail",
    "Mode",
    "Money",
    "NavItem",
    "NotFound",
    "NotReady",
    "Outside",
    "Page",
    "PaymentProvider",
    "Permission",
    "PortalForm",
    "ProviderError",
    "PublicId",
    "Retry",
    "ScalarSelect",
    "Scaled4",
    "Section",
    "ShopOwned",
    "StaffPermission",
    "Switch",
    "Timestamped",
    "UTCDateTime",
    "Versioned",
    "account_names",
    "add_work",
    "alert_columns",
    "checked_by_form",
    "count_unpaid",
    "current_membership",
    "current_person",
    "current_shop",
    "current_staff",
    "customer_ids",
    "db",
    "external_url",
    "find_account",
    "hidden_field",
    "keyset",
    "limited",
    "list_invoices",
    "mail_account",
    "mail_staff",
    "minor",
    "needs",
    "now",
    "of_objects",
    "open_for",
    "parse_amount",
    "periodic",
    "public",
    "queue_mail",
    "record",
    "same_account",
    "signal",
    "stored_file",
    "text_field",
    "today",
    "word",
    "work_handler",
]
