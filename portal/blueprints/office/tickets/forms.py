"""What the pages of a ticket send."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import AnyOf, InputRequired, Length, Regexp

from portal.blueprints.office.invoices.forms import TOO_LONG, key_field
from portal.core.forms import DayField, PortalForm, TickField, hidden_field, text_field
from portal.core.message_forms import MessageForm, files_field, message_field
from portal.domain.tickets.models import Priority
from portal.domain.tickets.paying_out import LONGEST_REFERENCE
from portal.domain.tickets.states import Move


class AnswerForm(MessageForm):
    """An answer to the customer."""

    body = message_field()
    files = files_field()
    by_mail = TickField(_l("Also send a mail that there is an answer"), default=True)


class NoteForm(MessageForm):
    """A note among colleagues. It stands on the page of the answer, so its fields have ids of their own."""

    body = message_field(_l("Note"))
    files = files_field()

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        for field in (self.body, self.files):
            field.id = field.label.field_id = f"note-{field.name}"


class MoveForm(PortalForm):
    """A decision; the page shows its buttons."""

    move = HiddenField(
        validators=[
            AnyOf(
                [move.value for move in Move if move is not Move.CUSTOMER_REPLY],
                message=_l("Choose one of these."),
            )
        ]
    )


class PriorityForm(PortalForm):
    """How soon the shop means to answer."""

    priority = SelectField(
        _l("Priority"),
        choices=[SelectChoice(value=each.value, label=each.label) for each in Priority],
        validators=[InputRequired(_l("Choose a priority."))],
    )


class DecisionForm(PortalForm):
    """What the customer reads about a decision."""

    body = message_field(_l("Message to the customer"))


class PayOutForm(PortalForm):
    """Money that was sent back to the customer."""

    amount = text_field(
        _l("Amount"),
        validators=[InputRequired(_l("Fill in an amount.")), Length(max=40, message=TOO_LONG)],
        render_kw={"inputmode": "decimal", "autocomplete": "off"},
    )
    paid_on = DayField(_l("Paid on"), validators=[InputRequired(_l("Fill in a day."))])
    reference = text_field(
        _l("Reference"),
        validators=[Length(max=LONGEST_REFERENCE, message=TOO_LONG)],
        render_kw={"autocomplete": "off", "maxlength": LONGEST_REFERENCE},
    )
    body = message_field(_l("Message to the customer"))
    key = key_field()


class GrantForm(PortalForm):
    """More downloads of a file; ``version`` is that of the file which was seen."""

    version = hidden_field(
        validators=[Regexp(r"^[0-9]{1,9}$", message=_l("This changed meanwhile. Please look again."))]
    )
