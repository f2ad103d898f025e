"""The address at which a mail of ours is answered: it names the mail, signed, so that nobody can name another.

``support+<shop>-<mail>-<proof>@shop.example``, in letters that survive a server that writes all of them small.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass

from flask import current_app

from portal.core.mail_message import Category, MailMessage

_PURPOSE = "answer-a-mail"
_TOKEN = re.compile(r"([0-9]{1,15})-([0-9]{1,15})-([a-z2-7]{24})")


@dataclass(frozen=True)
class Answered:
    """Which mail of which shop somebody answers."""

    shop_id: int
    mail_id: int


def inbox() -> str | None:
    """The address of ``INBOUND_MAIL``, in lower case; None without one."""
    address: str | None = current_app.config.get("INBOUND_MAIL")
    return address


def of(message: MailMessage) -> str | None:
    """Where a mail about an account is answered; None without ``INBOUND_MAIL``, and for a mail about none.

    None for a security mail too: it goes to an address that nobody has proved to be the customer's yet.
    """
    address = inbox()
    if address is None or message.customer_id is None or message.category is Category.SECURITY:
        return None
    local, _at, domain = address.rpartition("@")
    value = f"{message.shop_id}-{message.id}"
    return f"{local}+{value}-{_proof(current_app.config['SECRET_KEYS'][-1], value)}@{domain}"


def find(addresses: Iterable[str]) -> Answered | None:
    """The mail that the first of these addresses names with a right proof; None where none does."""
    for address in addresses:
        token = address.lower().rpartition("@")[0].partition("+")[2]
        found = _TOKEN.fullmatch(token) if is_inbox(address) else None
        if found is not None and _fits(f"{found[1]}-{found[2]}", found[3]):
            return Answered(int(found[1]), int(found[2]))
    return None


def is_inbox(address: str) -> bool:
    """Whether an address is that of ``INBOUND_MAIL``, with or without something behind a plus."""
    local, _at, domain = address.lower().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}" == inbox()


def _fits(value: str, proof: str) -> bool:
    fits = False
    for key in current_app.config["SECRET_KEYS"]:
        fits |= hmac.compare_digest(_proof(key, value), proof)
    return fits


def _proof(key: str, value: str) -> str:
    """120 bits: whoever guesses asks the mail server each time."""
    digest = hmac.new(key.encode(), f"{_PURPOSE}\n{value}".encode(), hashlib.sha256).digest()
    return base64.b32encode(digest[:15]).decode().lower()
