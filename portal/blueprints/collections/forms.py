"""What the pages about collection cases send."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import TextAreaField
from wtforms.validators import AnyOf, InputRequired, Length, Regexp

from portal.core.forms import PortalForm, hidden_field, text_field
from portal.domain.collections.instalments import COUNTS

CHOOSE = _l("Choose in how many instalments you want to pay.")
LOOK_AGAIN = _l("What remains to be paid changed meanwhile. Please look at the amounts again.")
#: In characters: what is longer belongs into the conversation.
LONGEST = 2_000


class PlanForm(PortalForm):
    """In how many instalments, and a word with it; ``total`` is what remained when the page was made."""

    instalments = text_field("", validators=[AnyOf([str(count) for count in COUNTS], message=CHOOSE)])
    message = text_field(
        _l("Do you want to add something?"),
        field=TextAreaField,
        validators=[Length(max=LONGEST, message=_l("This is too long."))],
        render_kw={"rows": 4, "dir": "auto", "maxlength": LONGEST},
    )
    total = hidden_field(validators=[InputRequired(LOOK_AGAIN), Regexp(r"[0-9]{1,12}\Z", message=LOOK_AGAIN)])


class MethodForm(PortalForm):
    """Which saved method pays the instalments, by its public id."""

    method = text_field(
        "",
        validators=[
            InputRequired(_l("Choose what pays the instalments.")),
            Length(max=30, message=_l("Choose what pays the instalments.")),
        ],
    )
