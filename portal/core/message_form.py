"""A form with a message in Markdown and its files, sent once however often it is posted."""

from __future__ import annotations

import re
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf.file import MultipleFileField
from wtforms import HiddenField, TextAreaField
from wtforms.validators import DataRequired, Length, Regexp

from portal.core import uploads
from portal.core.forms import PortalForm, text_field
from portal.core.tables import new_public_id
from portal.core.uploads import Upload

#: In characters: some four pages. What is longer is better sent as a file.
LONGEST = 10_000

_KINDS = _l(
    "PDF, pictures, texts, documents or ZIP: at most %(count)s files, 5 MB each and 10 MB together.",
    count=uploads.MAX_FILES,
)


def message_field(label: Any = None, **options: Any) -> Any:
    """The text, called a message unless it is something else."""
    return text_field(
        _l("Message") if label is None else label,
        field=TextAreaField,
        validators=[
            DataRequired(_l("Write your message.")),
            Length(
                max=LONGEST,
                message=_l("A message has at most 10,000 characters. Send a longer text as a file."),
            ),
        ],
        render_kw={"rows": 8, "dir": "auto"},
        **options,
    )


def files_field(**options: Any) -> Any:
    """The files that go with it."""
    return MultipleFileField(_l("Files"), description=_KINDS, render_kw={"accept": uploads.ACCEPT}, **options)


class MessageForm(PortalForm):
    """A form with a message (``body``) and its ``files``, which the forms of it put where they show them."""

    #: The page gives its form a name, so that sending it twice does it once.
    key = text_field(
        "",
        field=HiddenField,
        default=new_public_id,
        validators=[
            Regexp(
                re.compile(r"[\w-]{22}\Z", re.ASCII),
                message=_l(
                    "The page sent something we could not read. Nothing was lost: please send it again."
                ),
            )
        ],
    )

    def validate(self, extra_validators: Any = None) -> bool:
        """Whether everything fits; a form without a good name gets one, so that the next try can succeed."""
        passed = super().validate(extra_validators)
        if self.key.errors:
            self.key.data = new_public_id()
        return passed

    def sent_files(self) -> list[Upload]:
        """The files that came with it; raises ``DomainError`` for one that is not taken."""
        sent = [(file.filename or "", file.read()) for file in self["files"].data or ()]
        return uploads.check(sent, "files")
