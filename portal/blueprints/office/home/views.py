"""Home: the numbers that say where to begin."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from portal.blueprints.office.home import attention, bp
from portal.core.access import needs
from portal.core.principals import current_staff
from portal.domain.people.staff_permissions import StaffPermission


@bp.get("")
@needs(StaffPermission.HOME)
def index() -> ResponseReturnValue:
    """What waits for the shop, most urgent first."""
    staff = current_staff()
    assert staff is not None
    return render_template("office/home/index.html", cards=attention.cards(staff), name=staff.name)
