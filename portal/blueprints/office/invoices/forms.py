"""What the pages of an invoice send. Numbers are read in the language of the page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import (
    FieldList,
    Form,
    FormField,
    HiddenField,
    SelectField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Regexp, StopValidation

from portal.core import locale, money, vat_area
from portal.core.errors import DomainError
from portal.core.forms import DayField, PortalForm, TickField, hidden_field, text_field
from portal.core.message_forms import message_field
from portal.core.tables import new_public_id
from portal.core.templating import language
from portal.core.vat import TAXED, VatCategory
from portal.domain.invoices.drafts import LineInput
from portal.domain.invoices.models import Document
from portal.domain.invoices.taking_back import Left, Part
from portal.domain.payments.refunding import LONGEST_REFERENCE
from portal.domain.payments.registering import BY_HAND
from portal.domain.payments.undoing import LONGEST_REASON
from portal.domain.shops.models import Shop

TOO_LONG = _l("This is too long.")
UNREADABLE = _l("The page sent something we could not read. Nothing was lost: please send it again.")


def key_field() -> Any:
    """The name a page gives its form, so that sending it twice does it once."""
    return text_field(
        "",
        field=HiddenField,
        default=new_public_id,
        validators=[Regexp(re.compile(r"[\w-]{22}\Z", re.ASCII), message=UNREADABLE)],
    )


def version_field() -> Any:
    """The version of the row that was shown."""
    return hidden_field(validators=[Regexp(r"^[0-9]{1,9}$", message=UNREADABLE)])


class LineForm(Form):  # type: ignore[misc]
    """One line of a draft; one without words and without a price is left out."""

    description = text_field(_l("Description"), validators=[Length(max=1000, message=TOO_LONG)])
    quantity = text_field(_l("Quantity"), validators=[Length(max=40, message=TOO_LONG)])
    unit_price = text_field(_l("Price each"), validators=[Length(max=40, message=TOO_LONG)])
    vat = SelectField(_l("VAT"))


class Lines(FieldList):  # type: ignore[misc]
    """A list of lines that somebody may post under any name."""

    def _extract_indices(self, prefix: str, formdata: Any) -> Iterator[int]:
        """WTForms takes whatever Python calls a digit for a number, such as ²."""
        yield from super()._extract_indices(prefix, filter(str.isascii, formdata))


class DraftForm(PortalForm):
    """The lines of a draft and a note below them."""

    lines = Lines(FormField(LineForm), min_entries=1)
    note = text_field(
        _l("Note below the lines"),
        field=TextAreaField,
        validators=[Length(max=2000, message=TOO_LONG)],
        render_kw={"rows": 3, "dir": "auto"},
    )

    def __init__(self, shop: Shop, day: date, **options: Any) -> None:
        super().__init__(**options)
        self._choices = vat_choices(shop, day)
        self._offer()

    def rows(self) -> list[Any]:
        """The forms of the lines; a field of theirs would hide behind one of the list's own names."""
        return [entry.form for entry in self.lines]

    def _offer(self) -> None:
        for line in self.rows():
            known = {value for value, _label in self._choices}
            other = [(line.vat.data, line.vat.data)] if self._is_kept(line.vat.data, known) else []
            line.vat.choices = [SelectChoice(value=v, label=text) for v, text in [*self._choices, *other]]

    def _is_kept(self, value: Any, known: set[str]) -> bool:
        """A rate that a draft has from before is still one of its own."""
        return not self.is_submitted() and bool(value) and value not in known

    def add_line(self) -> None:
        """One more, empty but for the quantity."""
        self.lines.append_entry({"quantity": "1"})
        self._offer()

    def show(self, document: Document) -> None:
        """What a draft says, as it is typed."""
        while self.lines.entries:
            self.lines.pop_entry()
        for line in document.lines:
            self.lines.append_entry(
                {
                    "description": line.description,
                    "quantity": locale.quantity(line.quantity, language()),
                    "unit_price": plain_price(line.unit_price, document.currency),
                    "vat": f"{line.vat_category.value}:{line.vat_rate.normalize():f}",
                }
            )
        self.note.data = document.note
        self._offer()

    def inputs(self, currency: str) -> list[LineInput] | None:
        """The lines that were typed; None when one of them cannot be read, which then says why."""
        found, is_good = [], True
        for line in self.rows():
            if not line.description.data and not line.unit_price.data:
                continue
            if not line.description.data:
                line.description.errors = [*line.description.errors, _l("Say what it is for.")]
                is_good = False
                continue
            read = [
                _read(line.quantity, lambda text: money.parse_quantity(text, language())),
                _read(line.unit_price, lambda text: money.parse_unit_price(text, language(), currency)),
            ]
            category, _colon, rate = (line.vat.data or "").partition(":")
            if None in read:
                is_good = False
            else:
                found.append(
                    LineInput(line.description.data, read[0], read[1], Decimal(rate), VatCategory(category))
                )
        return found if is_good else None

    def messages(self) -> Iterator[tuple[Any, str | None]]:
        """Everything that is wrong, with the field it is about."""
        for message in self.form_errors:
            yield message, None
        for line in self.rows():
            for field in line:
                for message in field.errors:
                    yield message, field.id
        for name, field in self._fields.items():
            if name != "lines":
                for message in field.errors:
                    yield message, field.id if name == "note" else None


def _read(field: Any, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(field.data or "")
    except DomainError as error:
        field.errors = [*field.errors, error.message]
        return None


def plain_price(price: Decimal, currency: str) -> str:
    """A price as it is typed: without its currency and without groups."""
    places = money.exponent(currency)
    text = f"{price.scaleb(-places).quantize(Decimal(1).scaleb(-places - money.SCALE)):f}"
    whole, _point, cents = text.partition(".")
    cents = cents.rstrip("0").ljust(places, "0")
    return whole + (locale.decimal_mark(language()) + cents if cents else "")


def vat_choices(shop: Shop, day: date) -> list[tuple[str, Any]]:
    """What VAT a line may have here: the rates of the shop's country, and why there may be none."""
    rates = vat_area.rates_of(shop.country, day) or {}
    taxed = [
        (f"{category.value}:{rate.normalize():f}", locale.percent(rate, language()))
        for category, known in rates.items()
        for rate in known
    ]
    free = [
        category
        for category in VatCategory
        if category not in TAXED and (category is not VatCategory.SMALL_BUSINESS or shop.small_business)
    ]
    none = [(f"{category.value}:0", category.label) for category in free]
    # A shop of the scheme charges no VAT as a rule.
    return [*none[::-1], *taxed] if shop.small_business else [*taxed, *none]


class NewDraftForm(DraftForm):
    """A new draft, which the page gives its name."""

    key = key_field()


class EditDraftForm(DraftForm):
    """A draft that is there already, in the version that was shown."""

    version = version_field()


class VersionForm(PortalForm):
    """A step on a draft, in the version that was shown."""

    version = version_field()


class FinaliseForm(VersionForm):
    """The step after which nothing of it changes."""

    sends = TickField(_l("Mail it to the customer at once"), default=True)


class PaymentForm(PortalForm):
    """Money that came in elsewhere."""

    amount = text_field(
        _l("Amount"),
        validators=[
            InputRequired(_l("Fill in an amount.")),
            Length(max=40, message=TOO_LONG),
        ],
        render_kw={"inputmode": "decimal", "autocomplete": "off"},
    )
    method = SelectField(
        _l("How"),
        choices=[SelectChoice(value=each.value, label=each.label) for each in BY_HAND],
        validators=[InputRequired(_l("Choose one of these."))],
    )
    paid_on = DayField(_l("Received on"), validators=[InputRequired(_l("Fill in a day."))])
    reference = text_field(
        _l("Reference"),
        validators=[Length(max=140, message=TOO_LONG)],
        render_kw={"autocomplete": "off", "maxlength": 140},
    )
    key = key_field()


#: The way of money that a shop sends itself.
BY_OWN_BANK = "own_bank"


def _day_of_own_bank(form: Any, field: Any) -> None:
    """What the shop sent itself went out on a day; of what a provider sends, none is asked."""
    if form.way.data != BY_OWN_BANK:
        field.errors = []
        raise StopValidation()
    if not any(field.raw_data or ()):
        field.errors = []
        raise StopValidation(_("Fill in a day."))


class RefundForm(PortalForm):
    """Money that goes back: ``ways`` are the payments that their provider can pay back, by public id."""

    amount = text_field(
        _l("Amount"),
        validators=[InputRequired(_l("Fill in an amount.")), Length(max=40, message=TOO_LONG)],
        render_kw={"inputmode": "decimal", "autocomplete": "off"},
    )
    way = SelectField(_l("How"), validators=[InputRequired(_l("Choose one of these."))])
    paid_on = DayField(_l("Sent on"), validators=[_day_of_own_bank])
    reference = text_field(
        _l("Reference"),
        validators=[Length(max=LONGEST_REFERENCE, message=TOO_LONG)],
        render_kw={"autocomplete": "off", "maxlength": LONGEST_REFERENCE},
    )
    body = message_field(_l("Message to the customer"))
    key = key_field()

    def __init__(self, ways: Sequence[tuple[str, str]], **options: Any) -> None:
        super().__init__(**options)
        own = SelectChoice(value=BY_OWN_BANK, label=_l("We sent it from our own bank account"))
        self.way.choices = [*(SelectChoice(value=value, label=label) for value, label in ways), own]


class UndoForm(PortalForm):
    """Why a payment that was booked by hand is taken back."""

    reason = text_field(
        _l("Reason"),
        field=TextAreaField,
        validators=[
            InputRequired(_l("Say what was wrong with it.")),
            Length(max=LONGEST_REASON, message=TOO_LONG),
        ],
        render_kw={"rows": 2, "dir": "auto", "maxlength": LONGEST_REASON},
    )


class CreditForm(PortalForm):
    """What to take back of an invoice, and why; ``credit_form`` adds the fields of each line that is left.

    ``told`` is the token of what the page that asks showed; without it that page comes first.
    """

    everything = TickField(_l("All that is left of this invoice"))
    note = text_field(
        _l("Reason"),
        field=TextAreaField,
        validators=[Length(max=2000, message=TOO_LONG)],
        render_kw={"rows": 2, "dir": "auto"},
    )
    told = hidden_field(validators=[Regexp(r"^[0-9.]{0,50}$", message=UNREADABLE)])

    def parts(self, left: Sequence[Left], currency: str) -> list[Part] | None:
        """What was chosen; None when something cannot be read, whose field then says why."""
        chosen = [part for each in left if (part := self._part(each.position, currency)) is not None]
        if any(field.errors for field in self):
            return None
        if not self.everything.data:
            return chosen
        if chosen:
            self.everything.errors = [_("Choose all of the invoice or some of it, not both.")]
            return None
        return [Part(each.position) for each in left]

    def _part(self, position: int, currency: str) -> Part | None:
        whole, typed = self[f"whole-{position}"], [self[f"quantity-{position}"], self[f"amount-{position}"]]
        quantity = (
            _read(typed[0], lambda text: money.parse_quantity(text, language())) if typed[0].data else None
        )
        amount = (
            _read(typed[1], lambda text: money.parse_amount(text, language(), currency))
            if typed[1].data
            else None
        )
        if whole.data and any(field.data for field in typed):
            whole.errors = [_("Choose all of this line or a part of it, not both.")]
        return (
            None
            if not whole.data and quantity is None and amount is None
            else Part(position, quantity, amount)
        )

    def typed(self) -> list[tuple[str, str]]:
        """Name and value of all that was filled in, for the page that asks."""
        own = [field for field in self if field.name not in ("csrf_token", "told") and field.data]
        return [(field.name, "y" if isinstance(field, TickField) else field.data) for field in own]


def credit_form(left: Sequence[Left]) -> CreditForm:
    """The form with the fields of these lines: ``whole-3``, ``quantity-3`` and ``amount-3`` of the third."""
    fields: dict[str, Any] = {}
    for each in left:
        fields[f"whole-{each.position}"] = TickField(each.line.description)
        for name, label in (("quantity", _l("How many")), ("amount", _l("Amount"))):
            fields[f"{name}-{each.position}"] = text_field(
                label,
                validators=[Length(max=40, message=TOO_LONG)],
                render_kw={"inputmode": "decimal", "autocomplete": "off"},
            )
    made: CreditForm = type("CreditFormOfLines", (CreditForm,), fields)()
    return made
