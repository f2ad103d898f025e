"""What somebody typed into a form whose session had ended meanwhile, carried through the log-in (product.md, P-AUTH).

It travels in a signed field of the log-in form and is stored nowhere. After the log-in a page shows it and asks whether
it is to be sent: nothing is done with it before somebody presses that button, and the form it came from checks it then.
Only what a page of this shop posted is kept, so that no other site can put words into anybody's mouth; and only where
words were typed: a button that was pressed too late is pressed again where it stands.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from flask import current_app, request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from portal.core.links import safe_next

#: Letters of the field at most; what is longer is not kept, and the page says so.
MOST = 45_000
#: Letters after unpacking: more than the largest form of ours holds.
LARGEST = 400_000
#: Seconds in which somebody logs in.
AGE = 3600
#: Never carried: what is no text of theirs, or a secret.
_LEFT_OUT = ("csrf_token", "password", "secret")


@dataclass(frozen=True)
class Typed:
    """A form that was posted too late: where to, its fields in order, and whether files came with it."""

    path: str
    fields: list[tuple[str, str]]
    had_files: bool

    @property
    def words(self) -> list[str]:
        """What somebody typed, to be shown to them."""
        return [value for _name, value in self.fields if _is_typed(value)]


def take() -> str:
    """The request's form as a field for the log-in form; empty where nothing in it is worth keeping, or too much."""
    if request.method != "POST" or not _is_from_here():
        return ""
    fields = [
        (name, value)
        for name, values in request.form.lists()
        if not any(word in name for word in _LEFT_OUT)
        for value in values
    ]
    if not any(_is_typed(value) for _name, value in fields):
        return ""
    query = request.query_string.decode("ascii", "ignore")
    path = safe_next(quote(request.path) + (f"?{query}" if query else ""), "")
    text = json.dumps([path, fields, any(request.files.values())])
    packed = urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode()
    field = _serializer().dumps(packed)
    token = field if isinstance(field, str) else field.decode()
    return token if path and len(text) <= LARGEST and len(token) <= MOST else ""


def read(field: str | None) -> Typed | None:
    """What a field of the log-in form carries; None for none, an old one and whatever we did not sign."""
    if not field or len(field) > MOST:
        return None
    try:
        packed = urlsafe_b64decode(_serializer().loads(field, max_age=AGE))
    except BadSignature:
        return None
    path, fields, had_files = json.loads(zlib.decompress(packed))
    return Typed(path, [(name, value) for name, value in fields], had_files)


def _is_typed(value: str) -> bool:
    """Whether it has several words: names, choices and numbers of a page's own have none between them."""
    return len(value.split()) > 1


def _is_from_here() -> bool:
    said = request.headers.get("Origin") or request.referrer or ""
    try:
        return urlsplit(said).netloc == request.host
    except ValueError:
        return False


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(
        current_app.config["SECRET_KEYS"],
        salt="typed-before-log-in",
        signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
    )
