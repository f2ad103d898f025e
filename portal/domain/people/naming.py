"""What a person is called: as they say themselves, and never as somebody else of their account."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flask_babel import lazy_gettext as _l

from portal.core.errors import DomainError
from portal.domain.people.models import Customer, CustomerKind, Person

#: What the columns of a person's names hold; the name of an account may be longer.
_LONGEST = 100


@dataclass(frozen=True)
class OwnName:
    """A person's name as a form asks for it, without blanks around it."""

    given_name: str
    family_name: str


def has_name(person: Person) -> bool:
    """Whether somebody ever said what they are called; else their address stands where the name would."""
    return bool(person.given_name or person.family_name)


def suggest_name(person: Person, customers: Iterable[Customer]) -> OwnName:
    """What a form that asks for a name has in it already: what was said before, else the name of an account.

    Only of a consumer's with the person's own address, who is that person: the first word is the given name, the
    rest the family name. A business is not called like its people, and whoever was invited to somebody else's
    account is somebody else.
    """
    if has_name(person):
        return OwnName(person.given_name, person.family_name)
    for customer in customers:
        is_theirs = customer.email.lower() == person.email.lower()
        if is_theirs and customer.kind is CustomerKind.CONSUMER and customer.name.strip():
            given, *rest = customer.name.split(maxsplit=1)
            return OwnName(given[:_LONGEST], "".join(rest).strip()[:_LONGEST])
    return OwnName("", "")


def chosen_name(person: Person, said: OwnName | None) -> OwnName:
    """What somebody who comes in is called from now on. ``DomainError`` when they never said that."""
    if said is None and has_name(person):
        return OwnName(person.given_name, person.family_name)
    if said is None or not said.given_name.strip():
        raise DomainError(_l("Fill in your first name."), "given_name")
    return said
