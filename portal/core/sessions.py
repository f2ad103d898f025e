"""Sessions on the server: a random token in a host-only cookie, its hash in a row.

Nobody who is not signed in has a row: their CSRF secret, language and theme live in a signed cookie, and flash
messages always travel in a signed cookie of one page.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from flask import Flask, Request, Response, g, session
from flask.sessions import SecureCookieSession, SessionInterface
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from portal.core import clock, database, tenancy, touch
from portal.core.principals import LoadPrincipal, Principal, SignedIn
from portal.core.shops import ShopDirectory
from portal.core.tables import Base, BigId, Id, ShopOwned
from portal.extensions import db

#: A session ends after this long without a page, and this long after log-in in any case.
IDLE = timedelta(hours=24)
LONGEST = timedelta(days=30)

#: How often a session in use is written down as such.
SEEN_EVERY = timedelta(minutes=5)

#: What somebody without a session row keeps in the visitor's cookie.
VISITOR_KEYS = ("csrf_token", "locale", "theme", "cart")

READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class SessionRow(Id, ShopOwned, Base):
    """One log-in of one browser."""

    __tablename__ = "sessions"
    __table_args__ = (sa.Index("ix_sessions_principal", "shop_id", "principal"),)

    token_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    principal: Mapped[str] = mapped_column(sa.String(32), doc="person:<id> or staff:<id>")
    person_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("people.id"))
    staff_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("staff.id"))
    membership_id: Mapped[int | None] = mapped_column(BigId, doc="The account chosen in the header.")
    csrf_secret: Mapped[str] = mapped_column(sa.String(64))
    device: Mapped[str] = mapped_column(sa.String(120), default="")
    started_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    confirmed_at: Mapped[datetime] = mapped_column(doc="When the password was last given.")
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class PortalSession(SecureCookieSession):
    """What Flask, Flask-Login and Flask-WTF read and write; kept by ``PortalSessions``."""

    signed_in: SignedIn | None = None
    new_token: str | None = None
    was_ended: bool = False
    loaded_visitor: dict[str, Any]
    loaded_flashes: list[Any]


def token_hash(token: str) -> str:
    """What is stored of a token: enough to find it, not enough to use it."""
    return hashlib.sha256(token.encode()).hexdigest()


def begin(person_id: int, *, device: str, now: datetime, membership_id: int | None = None) -> SessionRow:
    """Signs a person in: a new row, a new token and a new CSRF secret. Called by the log-in view, which commits."""
    return _begin(
        f"person:{person_id}", device=device, now=now, person_id=person_id, membership_id=membership_id
    )


def begin_staff(staff_id: int, *, device: str, now: datetime) -> SessionRow:
    """The same for somebody of the shop, by the log-in of the office."""
    return _begin(f"staff:{staff_id}", device=device, now=now, staff_id=staff_id)


def _begin(principal: str, *, device: str, now: datetime, **whose: int | None) -> SessionRow:
    current = _current()
    end(now=now)
    token, csrf = secrets.token_urlsafe(32), secrets.token_hex(32)
    row = SessionRow(
        token_hash=token_hash(token),
        principal=principal,
        **whose,
        csrf_secret=csrf,
        device=device[:120],
        started_at=now,
        last_seen_at=now,
        confirmed_at=now,
        expires_at=now + IDLE,
    )
    db.session.add(row)
    current.new_token = token
    current.was_ended = False
    current["csrf_token"] = csrf
    current["_user_id"] = row.principal
    g.pop("csrf_token", None)
    return row


def end(*, now: datetime) -> None:
    """Ends the session of this request, if there is one. Called by log-out and by a new log-in."""
    current = _current()
    if current.signed_in is not None:
        row = db.session.get(SessionRow, current.signed_in.session_id)
        if row is not None and row.ended_at is None:
            row.ended_at = now
    current.signed_in = None
    current.was_ended = True
    for key in ("csrf_token", "_user_id", "_fresh", "_id"):
        current.pop(key, None)
    g.pop("csrf_token", None)


def current_id() -> int | None:
    """The row of this request's session."""
    signed_in = _current().signed_in
    return signed_in.session_id if signed_in is not None else None


def end_all(person_id: int, *, now: datetime, but: Collection[int] = ()) -> int:
    """Ends every live session of a person, as a new password must, and counts them; ``but`` spares some rows."""
    stmt = sa.update(SessionRow).where(
        SessionRow.principal == f"person:{person_id}",
        SessionRow.ended_at.is_(None),
        SessionRow.expires_at > now,
    )
    if but:
        stmt = stmt.where(SessionRow.id.not_in(but))
    ended = db.session.scalars(
        stmt.values(ended_at=now).returning(SessionRow.id).execution_options(synchronize_session=False)
    )
    return len(ended.all())


def end_everywhere(*, now: datetime) -> None:
    """Signs everybody out, in all shops; call it in ``every_shop()``."""
    stmt = sa.update(SessionRow).where(SessionRow.ended_at.is_(None)).values(ended_at=now)
    db.session.execute(stmt.execution_options(synchronize_session=False))


def note_seen(response: Response) -> Response:
    """Keeps a session that is in use from ending, at most every few minutes; an ``after_request`` function."""
    current = session._get_current_object()  # type: ignore[attr-defined]
    signed_in = current.signed_in if isinstance(current, PortalSession) else None
    if signed_in is not None and clock.now() - signed_in.last_seen_at > SEEN_EVERY:
        touch.later(partial(_seen, signed_in.session_id))
    return response


def _seen(session_id: int, now: datetime) -> None:
    row = db.session.get(SessionRow, session_id)
    if row is not None and row.ended_at is None:
        row.last_seen_at = now
        row.expires_at = min(now + IDLE, row.started_at + LONGEST)


def _current() -> PortalSession:
    current = session._get_current_object()  # type: ignore[attr-defined]
    assert isinstance(current, PortalSession)
    return current


class PortalSessions(SessionInterface):
    """Opens a request: which shop, may it write, who is signed in; and sets the cookies at its end."""

    def __init__(self, shops: ShopDirectory, load_principal: Mapping[str, LoadPrincipal]) -> None:
        """``load_principal`` holds one for each face: a customer's token opens no office, nor the other way round."""
        self._shops = shops
        self._load_principal = load_principal

    def open_session(self, app: Flask, request: Request) -> PortalSession:
        """The session of a request; it never fails for a bad cookie, which counts as none.

        When the database is away the session is empty and ``access.check`` raises what happened: without a
        session not even the page that says so could be made.
        """
        database.set_reading(request.method in READING_METHODS)
        tenancy.leave_context()
        g.shop = None
        if needs_no_shop(request.path):
            return self._empty()
        visitor = self._unsign(app, "visitor", request)
        flashes = self._unsign(app, "flash", request) or []
        signed_in = None
        try:
            g.shop = self._shops.shop_of(request.host)
            if g.shop is None:
                return self._empty()
            tenancy.enter_for_context(g.shop.id)
            face = cookie_face(request.path)
            token = request.cookies.get(cookie_name(request, face))
            if token and len(token) < 100:
                signed_in = self._load_principal[face](token_hash(token), clock.now())
        except SQLAlchemyError as error:
            # Out of here it would be an error without a page: ``access.check`` raises it where errors become pages.
            g.opening_failed = error
        content = (
            {key: visitor[key] for key in VISITOR_KEYS if key in visitor} if isinstance(visitor, dict) else {}
        )
        opened = PortalSession(content)
        opened.loaded_visitor = dict(content)
        opened.loaded_flashes = flashes if isinstance(flashes, list) else []
        if opened.loaded_flashes:
            opened["_flashes"] = [tuple(flash) for flash in opened.loaded_flashes]
        if signed_in is not None:
            opened.signed_in = signed_in
            opened["csrf_token"] = signed_in.csrf_secret
            opened["_user_id"] = signed_in.principal.get_id()
            opened["_fresh"] = True
        return opened

    def save_session(self, app: Flask, session: Any, response: Response) -> None:
        """Writes the cookies that changed. Rows are written by ``begin`` and ``end``, never here."""
        from flask import request

        if not isinstance(session, PortalSession) or g.get("shop") is None:
            return
        response.vary.add("Cookie")
        has_row = session.new_token is not None or session.signed_in is not None
        visitor = {key: session[key] for key in VISITOR_KEYS if key in session}
        if has_row:
            # The secret of a session row stays in the row. That of a visitor to the other face stays, but for a log-in.
            visitor.pop("csrf_token", None)
            if session.new_token is None and "csrf_token" in session.loaded_visitor:
                visitor["csrf_token"] = session.loaded_visitor["csrf_token"]
        if visitor != session.loaded_visitor and (visitor or session.loaded_visitor):
            self._set(response, request, "visitor", self._sign(app, "visitor", visitor), days=365)
        flashes = [list(flash) for flash in session.get("_flashes", [])]
        if flashes and flashes != session.loaded_flashes:
            self._set(response, request, "flash", self._sign(app, "flash", flashes))
        elif session.loaded_flashes and not flashes:
            self._delete(response, request, "flash")
        face = cookie_face(request.path)
        if session.new_token is not None:
            self._set(response, request, face, session.new_token)
        elif session.was_ended:
            self._delete(response, request, face)

    @staticmethod
    def _empty() -> PortalSession:
        opened = PortalSession()
        opened.loaded_visitor, opened.loaded_flashes = {}, []
        return opened

    @staticmethod
    def _serializer(app: Flask, purpose: str) -> URLSafeTimedSerializer:
        # By itself it would sign with SHA-1.
        return URLSafeTimedSerializer(
            app.config["SECRET_KEYS"],
            salt=f"cookie:{purpose}",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )

    def _sign(self, app: Flask, purpose: str, value: Any) -> str:
        signed = self._serializer(app, purpose).dumps(value)
        return signed if isinstance(signed, str) else signed.decode()

    def _unsign(self, app: Flask, purpose: str, request: Request) -> Any:
        value = request.cookies.get(cookie_name(request, purpose))
        if not value:
            return {}
        try:
            return self._serializer(app, purpose).loads(
                value, max_age=365 * 86400 if purpose == "visitor" else 600
            )
        except BadSignature:
            return {}

    @staticmethod
    def _set(response: Response, request: Request, face: str, value: str, days: int | None = None) -> None:
        response.set_cookie(
            cookie_name(request, face),
            value,
            max_age=days * 86400 if days else None,
            path=cookie_path(face),
            secure=request.is_secure,
            httponly=True,
            samesite="Lax",
        )

    @staticmethod
    def _delete(response: Response, request: Request, face: str) -> None:
        response.delete_cookie(
            cookie_name(request, face),
            path=cookie_path(face),
            secure=request.is_secure,
            httponly=True,
            samesite="Lax",
        )


def leave_request(error: BaseException | None) -> None:
    """Ends what ``open_session`` began: the thread serves another shop next. A ``teardown_request`` function."""
    tenancy.leave_context()
    database.set_reading(False)


def needs_no_shop(path: str) -> bool:
    """The few addresses that answer on any host."""
    return path == "/health" or path.startswith(("/static/", "/setup/"))


def cookie_face(path: str) -> str:
    """Which log-in a path belongs to: the office's cookie is never sent to the shop, nor the other way round."""
    return "staff" if path == "/office" or path.startswith("/office/") else "person"


def cookie_path(face: str) -> str:
    """The path a cookie is limited to."""
    return "/office" if face == "staff" else "/"


def cookie_name(request: Request, face: str) -> str:
    """The cookie's name: over https with the prefix that makes browsers refuse a planted one."""
    if not request.is_secure:
        return f"loket_{face}"
    return f"__Secure-loket_{face}" if cookie_path(face) != "/" else f"__Host-loket_{face}"


def load_user(user_id: str) -> Principal | None:
    """For Flask-Login: the principal that came with the session, never one that a cookie merely names."""
    current = _current()
    if current.signed_in is not None and current.signed_in.principal.get_id() == user_id:
        return current.signed_in.principal
    return None
