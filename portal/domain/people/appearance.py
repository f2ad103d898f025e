"""How a person likes the portal to look."""

from __future__ import annotations

import sqlalchemy as sa

from portal.domain.people.models import Person
from portal.domain.people.queries import HOLD
from portal.extensions import db


def choose_appearance(person_id: int, *, theme: str | None, language: str | None) -> None:
    """Stores a choice of theme (system, light, dark) or language (auto, en, nl); None leaves it. For the person."""
    # Held: of two choices made at once the later one counts, and neither is a conflict to anybody.
    person = db.session.get_one(Person, person_id, with_for_update=HOLD)
    if theme is not None:
        person.theme = theme
    if language is not None:
        person.language = language


def adopt_appearance(person_id: int, *, theme: str | None, language: str | None) -> None:
    """Takes over what a visitor chose before logging in, where the person never chose: a stored choice wins."""
    for column, chosen, undecided in ((Person.theme, theme, "system"), (Person.language, language, "auto")):
        if chosen is not None and chosen != undecided:
            # Without the versions: it is no change that a form open elsewhere has to hear of.
            db.session.execute(
                sa.update(Person)
                .where(Person.id == person_id, column == undecided)
                .values({column: chosen})
                .execution_options(synchronize_session=False)
            )
