"""What a command takes from its arguments and files, checked before anything is written."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

import sqlalchemy as sa
from email_validator import EmailNotValidError, validate_email
from flask_babel import gettext as _
from schwifty import IBAN
from schwifty.exceptions import SchwiftyException
from stdnum.eu import vat as eu_vat
from stdnum.exceptions import ValidationError

from portal.core.errors import DomainError
from portal.core.letter import BadAddress, checked_address
from portal.core.tables import Base
from portal.domain.shops.actions import Domain, checked_domain


def text(name: str, value: str, longest: int, *, needed: bool = False) -> str:
    """A text of an option without the blanks around it; ``DomainError`` when it cannot be stored or printed."""
    stripped = value.strip()
    if needed and not stripped:
        raise DomainError(_("%(name)s is empty.", name=name))
    if len(stripped) > longest:
        raise DomainError(_("%(name)s is longer than %(count)s characters.", name=name, count=longest))
    if any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 or 0xD800 <= ord(char) <= 0xDFFF for char in stripped):
        raise DomainError(_("%(name)s contains characters that cannot be used.", name=name))
    return stripped


def mail_address(name: str, value: str) -> str:
    """An address that mail servers take, in lower case."""
    address = text(name, value, 254, needed=True).lower()
    try:
        validate_email(address, check_deliverability=False, allow_smtputf8=False)
        return checked_address(address)
    except (EmailNotValidError, BadAddress):
        raise DomainError(_("%(name)s is not a complete e-mail address.", name=name)) from None


def web_address(name: str, value: str) -> Domain:
    """An address such as https://shop.example.com[:port]; ``DomainError`` for one with more in it."""
    given = text(name, value, 300, needed=True)
    try:
        parts = urlsplit(given)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # a port that is no number, a bracket not closed
        host, port, parts = "", None, urlsplit("")
    bare = f"{parts.scheme}://{parts.netloc}".lower()
    if given.lower().rstrip("/") != bare or "@" in bare:
        host = ""
    return checked_domain(host, port, parts.scheme)


def iban(value: str) -> str:
    """An account number, without blanks, when its check digits are right; empty when there is none."""
    if not (stripped := text("--iban", value, 60)):
        return ""
    try:
        account = IBAN(stripped)
    except SchwiftyException:
        raise DomainError(_("%(name)s is not a valid account number.", name="--iban")) from None
    return str(account.compact)


def vat_number(value: str) -> str:
    """A number of the European Union without blanks, when its form and check digits are right; empty for none."""
    if not (stripped := text("--vat-number", value, 60)):
        return ""
    try:
        return str(eu_vat.validate(stripped))
    except ValidationError:
        raise DomainError(
            _("%(name)s is not a valid VAT number, such as NL123456782B90.", name="--vat-number")
        ) from None


def texts_for(model: type[Base], options: Mapping[str, str]) -> dict[str, str]:
    """The texts of options that are named like columns, each at most as long as its column."""
    columns = model.__table__.c
    return {
        name: text(f"--{name.replace('_', '-')}", value, cast(sa.String, columns[name].type).length or 0)
        for name, value in options.items()
    }


def whole_number(name: str, value: str, most: int) -> int:
    """A number of digits alone, from 0 to ``most``."""
    stripped = text(name, value, 20)
    if not (stripped.isascii() and stripped.isdigit() and int(stripped) <= most):
        raise DomainError(_("%(name)s is a number from 0 to %(count)s.", name=name, count=most))
    return int(stripped)


def file(path: str, largest: int) -> bytes:
    """The content of a file, or of the standard input for ``-``; of too large a file one byte too many."""
    try:
        if path == "-":
            return sys.stdin.buffer.read(largest + 1)
        with open(path, "rb") as opened:
            return opened.read(largest + 1)
    except (OSError, ValueError) as error:
        reason: Any = error.strerror if isinstance(error, OSError) else error
        raise DomainError(
            _("%(file)s cannot be read: %(reason)s.", file=repr(path), reason=reason)
        ) from error
