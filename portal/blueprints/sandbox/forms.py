"""The forms on the test bank's pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _l
from schwifty import IBAN
from schwifty.exceptions import SchwiftyException
from wtforms import Field, RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import AnyOf, InputRequired, Length, ValidationError

from portal.blueprints.sandbox.book import TEST_CARDS, Account, Decision, bank_account, test_card
from portal.blueprints.sandbox.models import Notice
from portal.core.forms import PortalForm, TickField, text_field


def _notice(*validators: InputRequired) -> Any:
    return RadioField(
        _l("When does the bank tell the shop?"),
        choices=[SelectChoice(each.value, each.label) for each in Notice],
        default=Notice.BEFORE.value,
        validators=validators,
    )


class DecisionForm(PortalForm):
    """What happens to a payment, and when the shop hears of it. The buttons share the name ``decision``."""

    decision = StringField(
        validators=[
            InputRequired(_l("Choose what happens to this payment.")),
            AnyOf([each.value for each in Decision], message=_l("Choose what happens to this payment.")),
        ]
    )
    notice = _notice(InputRequired(_l("Choose when the bank tells the shop.")))


class MethodForm(PortalForm):
    """What every saved method needs: a holder, a consent, and when the shop hears of it."""

    holder = text_field(
        _l("Account holder"),
        validators=[
            InputRequired(_l("Fill in the account holder.")),
            Length(max=70, message=_l("This is too long.")),
        ],
        render_kw={"autocomplete": "name"},
    )
    notice = _notice()


class MandateForm(MethodForm):
    """A debtor's consent to direct debits."""

    iban = text_field(
        _l("IBAN"),
        validators=[
            InputRequired(_l("Fill in the IBAN.")),
            Length(max=42, message=_l("This is not a valid IBAN.")),
        ],
        render_kw={"autocomplete": "off"},
    )
    consent = TickField(
        _l("I allow the shop to collect what I owe from this account."),
        validators=[InputRequired(_l("Tick this to allow direct debits."))],
    )

    def account(self, now: datetime) -> Account:
        """What was typed."""
        return bank_account(self.iban.data)

    def validate_iban(self, field: Field) -> None:
        """Form and check digits; the test bank knows no accounts."""
        try:
            field.data = IBAN(field.data).compact
        except SchwiftyException:
            raise ValidationError(_l("This is not a valid IBAN.")) from None


class CardForm(MethodForm):
    """A card holder's consent. Nobody types a number here: it might be a real one."""

    card = SelectField(
        _l("Test card"),
        choices=[SelectChoice(name, masked) for name, (_number, masked) in TEST_CARDS.items()],
        validators=[InputRequired(_l("Choose a card."))],
    )
    consent = TickField(
        _l("I allow the shop to charge what I owe to this card."),
        validators=[InputRequired(_l("Tick this to allow the shop to charge your card."))],
    )

    def account(self, now: datetime) -> Account:
        """What was chosen."""
        return test_card(self.card.data, now=now)
