"""What can be chosen on the page of settings, and what a form of it sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict

from portal.core.locale import LANGUAGES
from portal.core.theme import Theme
from portal.domain.people.recipients import Switch

THEMES = ((Theme.SYSTEM, _l("System")), (Theme.LIGHT, _l("Light")), (Theme.DARK, _l("Dark")))
#: Names of languages are not translated: whoever looks for theirs knows them by their own.
LANGUAGE_CHOICES = (("auto", _l("Auto")), *((code, spoken.name) for code, spoken in LANGUAGES.items()))

#: Each switch with its name and what it is about, in the order of the page.
SWITCHES: tuple[tuple[Switch, Any, Any], ...] = (
    (Switch.NEW_INVOICE, _l("New invoice"), _l("When there is an invoice or a credit note for you")),
    (
        Switch.PAYMENT_CONFIRMATION,
        _l("Payment confirmation"),
        _l("When your payment or a refund has arrived"),
    ),
    (Switch.PAYMENT_REMINDERS, _l("Payment reminders"), _l("For invoices that are not paid yet")),
    (Switch.RENEWAL_NOTICES, _l("Renewal notices"), _l("Before a subscription renews or a trial ends")),
    (
        Switch.STATUS_CHANGES,
        _l("Status changes"),
        _l("When a subscription pauses, resumes or changes, or a question is resolved"),
    ),
    (Switch.ORDER_CONFIRMATION, _l("Order confirmation"), _l("When an order was placed or is complete")),
)

#: What may be named as the one thing that changed.
NAMES = frozenset({"theme", "language", "documents_language", *(switch.value for switch in Switch)})


class Unreadable(ValueError):
    """No page of ours can have sent this."""


@dataclass(frozen=True)
class Wanted:
    """What a form wants changed; None and what is not in ``switches`` stay as they are.

    ``version`` is that of the account's settings where the whole page was sent, as the Save button does.
    """

    theme: str | None
    language: str | None
    documents_language: str | None
    switches: dict[Switch, bool]
    version: int | None

    @property
    def is_about_account(self) -> bool:
        """Whether more than the person's own look is to change."""
        return bool(self.switches) or self.documents_language is not None

    @classmethod
    def read(cls, form: MultiDict[str, str]) -> Wanted:
        """What was sent: one thing that is named in ``changed``, or the whole page. Raises ``Unreadable``."""
        changed, version = form.get("changed"), _version(form.get("version"))
        if changed is not None and changed not in NAMES:
            raise Unreadable("changed")
        wanted = cls(
            theme=_one_of(form, "theme", set(Theme)),
            language=_one_of(form, "language", {"auto", *LANGUAGES}),
            documents_language=_one_of(form, "documents_language", {"auto", *LANGUAGES}),
            switches={
                # A box without its tick is not in a form at all, so something else has to say that it was shown.
                switch: switch.value in form
                for switch in Switch
                if changed == switch.value or (changed is None and version is not None)
            },
            version=None if changed is not None else version,
        )
        if wanted.theme is None and wanted.language is None and not wanted.is_about_account:
            raise Unreadable("nothing")
        return wanted


def _one_of(form: MultiDict[str, str], name: str, values: set[Any]) -> str | None:
    value = form.get(name)
    if value is not None and value not in values:
        raise Unreadable(name)
    return value


def _version(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise Unreadable("version")
    return int(text)
