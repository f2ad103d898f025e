"""Who is signed in: a person with memberships or somebody of the shop, as Flask-Login sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from flask import current_app, g
from flask_login import AnonymousUserMixin, UserMixin, current_user


@dataclass(frozen=True)
class MembershipInfo:
    """A person's role for one account."""

    id: int
    customer_id: int
    customer_public_id: str
    customer_name: str
    role: str
    permissions: frozenset[str]

    def can(self, permission: str) -> bool:
        """Whether the role allows it."""
        return permission in self.permissions


@dataclass(frozen=True)
class PersonPrincipal(UserMixin):
    """A person who is signed in, with the accounts they may see."""

    id: int
    email: str
    given_name: str
    name: str
    language: str
    theme: str
    memberships: tuple[MembershipInfo, ...]
    selected_id: int | None

    def get_id(self) -> str:
        """The name of the principal in a session row."""
        return f"person:{self.id}"

    @property
    def selected(self) -> MembershipInfo | None:
        """The account chosen in the header, else the first; none when every account was archived."""
        for membership in self.memberships:
            if membership.id == self.selected_id:
                return membership
        return self.memberships[0] if self.memberships else None


@dataclass(frozen=True)
class StaffPrincipal(UserMixin):
    """Somebody of the shop who is signed in at the office."""

    id: int
    email: str
    name: str
    language: str
    theme: str
    role: str
    permissions: frozenset[str]

    def get_id(self) -> str:
        """The name of the principal in a session row."""
        return f"staff:{self.id}"

    def can(self, permission: str) -> bool:
        """Whether the role allows it."""
        return permission in self.permissions


Principal = PersonPrincipal | StaffPrincipal


@dataclass(frozen=True)
class SignedIn:
    """What one statement finds for a session cookie."""

    session_id: int
    csrf_secret: str
    principal: Principal
    started_at: datetime
    last_seen_at: datetime
    confirmed_at: datetime


#: Finds the live session of a token's hash; provided by ``create_app``.
LoadPrincipal = Callable[[str, datetime], SignedIn | None]


def current_person() -> PersonPrincipal | None:
    """The person who is signed in on this request."""
    user = current_user._get_current_object()
    return user if isinstance(user, PersonPrincipal) else None


def current_staff() -> StaffPrincipal | None:
    """Who of the shop is signed in on this request: on the office's pages only, for the cookie goes nowhere else."""
    user = current_user._get_current_object()
    return user if isinstance(user, StaffPrincipal) else None


def current_principal() -> Principal | None:
    """Whoever is signed in on this request, a customer's person or somebody of the shop."""
    return current_person() or current_staff()


def current_membership() -> MembershipInfo:
    """The account that this page is about; only on pages that need a customer."""
    membership: MembershipInfo | None = g.get("membership")
    if membership is not None:
        return membership
    person = current_person()
    if person is None or person.selected is None:
        raise RuntimeError("this page has no account: its section's audience is not CUSTOMER")
    g.membership = person.selected
    return person.selected


@contextmanager
def nobody() -> Iterator[None]:
    """Nothing inside may ask whose page this is: there is no person, account or shop for it."""
    with current_app.app_context():
        g._login_user = None  # where Flask-Login keeps whom it found
        yield


def show_account(customer_id: int) -> MembershipInfo:
    """Makes the page that of another account of the same person, as an object page of it must."""
    person = current_person()
    for membership in person.memberships if person else ():
        if membership.customer_id == customer_id:
            g.membership = membership
            return membership
    raise RuntimeError("no membership for this account: scope the query first")


__all__ = [
    "AnonymousUserMixin",
    "LoadPrincipal",
    "MembershipInfo",
    "PersonPrincipal",
    "Principal",
    "SignedIn",
    "StaffPrincipal",
]
