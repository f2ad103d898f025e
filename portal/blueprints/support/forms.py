"""What the pages about tickets send."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, ValidationError

from portal.core.forms import text_field
from portal.core.message_forms import MessageForm, files_field, message_field, plain_line
from portal.domain.tickets.models import Priority, TicketType


class ReplyForm(MessageForm):
    """A reply."""

    body = message_field()
    files = files_field()


class NewTicketForm(MessageForm):
    """A new ticket. ``account`` is the account that the page was shown for."""

    type = SelectField(_l("What is it about?"), validators=[InputRequired(_l("Choose what it is about."))])
    about = SelectField(_l("Which one?"), validate_choice=False)
    number = text_field(
        _l("Or the number of another invoice or order"),
        validators=[Length(max=40, message=_l("This is too long."))],
        render_kw={"autocomplete": "off"},
    )
    subject = text_field(
        _l("Subject"),
        validators=[
            DataRequired(_l("Give your question a subject.")),
            Length(max=200, message=_l("A subject has at most 200 characters.")),
        ],
        render_kw={"dir": "auto", "maxlength": 200},
    )
    body = message_field()
    files = files_field()
    priority = SelectField(
        _l("Priority"),
        choices=[SelectChoice(value=each.value, label=each.label) for each in Priority],
        default=Priority.MEDIUM.value,
        validators=[InputRequired(_l("Choose a priority."))],
    )
    account = text_field("", field=HiddenField, validators=[])

    def __init__(self, types: Mapping[TicketType, Any], about: list[tuple[str, Any]], **options: Any) -> None:
        super().__init__(**options)
        self.type.choices = [SelectChoice(value=type_.value, label=label) for type_, label in types.items()]
        self.about.choices = [SelectChoice(value=value, label=label) for value, label in about]

    def validate_subject(self, field: Any) -> None:
        """A subject of which nothing is seen is none."""
        if not any(unicodedata.category(char)[0] not in "CZ" for char in self.plain_subject()):
            raise ValidationError(_l("Give your question a subject."))

    def plain_subject(self) -> str:
        """The subject without what would turn the lines around it."""
        return plain_line(self.subject.data)
