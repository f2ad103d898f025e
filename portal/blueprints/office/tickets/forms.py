"""What the pages of a ticket send."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import AnyOf, InputRequired, Regexp

from portal.core.forms import PortalForm, TickField, hidden_field
from portal.core.message_forms import MessageForm, files_field, message_field
from portal.domain.tickets.models import Priority
from portal.domain.tickets.states import BY_STAFF


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
                [move.value for move in BY_STAFF],
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


class GrantForm(PortalForm):
    """More downloads of a file; ``version`` is that of the file which was seen."""

    version = hidden_field(
        validators=[Regexp(r"^[0-9]{1,9}$", message=_l("This changed meanwhile. Please look again."))]
    )
