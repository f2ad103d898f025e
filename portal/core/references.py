"""RF creditor references (ISO 11649): the payment reference that banks check and that matching relies on."""

from __future__ import annotations

MAX_BODY = 21
_CHARACTERS = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def rf_reference(number: str) -> str:
    """The RF reference of a document number, without spaces: ``2026-0042`` gives ``RF8820260042``.

    Separators are dropped and letters put in upper case, so two numbers of one shop may not differ by
    separators alone. ValueError when nothing or more than 21 characters are left, or any but A-Z and 0-9.
    """
    body = "".join(character for character in number.upper() if character.isalnum())
    if not 1 <= len(body) <= MAX_BODY or not _CHARACTERS.issuperset(body):
        raise ValueError(f"no creditor reference can be made of {number!r}")
    return f"RF{98 - _remainder(body + 'RF00'):02d}{body}"


def compact_rf(text: str) -> str | None:
    """The reference without spaces, in upper case; None for any other text or wrong check digits."""
    compact = "".join(text.split()).upper()
    body = compact[4:]
    if not compact.startswith("RF") or not compact[2:4].isdecimal() or not 1 <= len(body) <= MAX_BODY:
        return None
    if not _CHARACTERS.issuperset(compact) or _remainder(body + compact[:4]) != 1:
        return None
    return compact


def is_rf(text: str) -> bool:
    """Whether a text is a creditor reference with right check digits; spaces and case do not matter."""
    return compact_rf(text) is not None


def format_rf(reference: str) -> str:
    """A reference as people read it, in groups of four: ``RF88 2026 0042``."""
    compact = "".join(reference.split()).upper()
    return " ".join(compact[start : start + 4] for start in range(0, len(compact), 4))


def _remainder(text: str) -> int:
    """ISO 7064 MOD 97-10 of a text of digits and letters, A counting 10 and Z 35."""
    return int("".join(str(int(character, 36)) for character in text)) % 97
