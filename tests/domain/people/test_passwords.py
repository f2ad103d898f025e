"""What a password must be, and that nobody's is checked as slowly as somebody's."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from portal.core.errors import DomainError
from portal.domain.people import passwords


@pytest.mark.parametrize(
    "password",
    [
        "password12",
        "Password123!",
        "P@ssw0rd2026",
        "passwordpassword",
        "wachtwoord",
        "Welkom2026!",
        "welkomthuis",
        "1234567890",
        "0987654321",
        "qwertyuiop",
        "1q2w3e4r5t",
        "abcdefghijkl",
        "zyxwvutsrqponm",
        "aaaaaaaaaaaa",
        "abababababab",
        "iloveyou2024",
        "letmein12345",
        "Feyenoord1908",
        "correct horse battery staple",
        "correcthorsebatterystaple",
    ],
)
def test_easily_guessed(password: str) -> None:
    assert passwords.is_easily_guessed(password)
    with pytest.raises(DomainError) as refused:
        passwords.check_new(password)
    assert refused.value.field == "password"


@pytest.mark.parametrize(
    "password",
    [
        "manchester", "MANCHESTER", "california", "strawberry", "harrypotter", "123456789a", "1029384756",
        "nuttertools", "7ugd5hip2j", "gfhjkmgfhjkm", "motherfucker", "leavemealone",
    ],
)  # fmt: skip
def test_what_leaked_is_refused(password: str) -> None:
    """No word of our own list is in these; they are known from the breaches of others."""
    with pytest.raises(DomainError, match="easy to guess or widely used"):
        passwords.check_new(password)


@pytest.mark.parametrize(
    "odd", ["\U0010ffff" * 30, "~" * 9 + "é" * 11, "ab\ncd\nef\ngh\nij\nkl\nmn", "ﬁ" * 5 + "ab1c"]
)
def test_any_text_can_be_looked_up(odd: str) -> None:
    assert passwords.is_easily_guessed(odd) in (True, False)


@pytest.mark.parametrize(
    "password", ["loket-demo", "correct horse battery", "four quiet green boats", "Zx8#kQ!mwp2L"]
)
def test_good_ones(password: str) -> None:
    passwords.check_new(
        password, about=["emma@example.com", "Emma", "de Vries", "Emma de Vries", "De Halve Maan", ""]
    )


@pytest.mark.parametrize(
    "password",
    [
        "emma@example.com",
        "EMMA@example.com",
        "De Halve Maan",
        "dehalvemaan",
        "dehalvemaan2026!",
        "Emmadevries1",
    ],
)
def test_what_everybody_knows_of_me(password: str) -> None:
    with pytest.raises(DomainError):
        passwords.check_new(
            password, about=["emma@example.com", "Emma", "de Vries", "Emma de Vries", "De Halve Maan"]
        )


@pytest.mark.parametrize(
    ("password", "fits"),
    [
        ("kwz bmx q", False),
        ("kwz bmx qr", True),
        ("kwz bmx qr" * 12 + "12345678", True),
        ("kwz bmx qr" * 13, False),
    ],
)
def test_length(password: str, fits: bool) -> None:
    if fits:
        passwords.check_new(password)
    else:
        with pytest.raises(DomainError):
            passwords.check_new(password)


def test_a_hash_tells_nothing_and_fits() -> None:
    first, second = (
        passwords.hash_password("four quiet green boats"),
        passwords.hash_password("four quiet green boats"),
    )
    assert first != second and first.startswith("$argon2id$") and len(first) <= 200
    assert passwords.fits(first, "four quiet green boats")
    assert not passwords.fits(first, "four quiet green boat")
    assert not passwords.fits(first, "four quiet green boats ")
    assert not passwords.fits(first, "Four quiet green boats")


def test_one_form_of_each_letter() -> None:
    """é as one character and as two is one password: keyboards differ."""
    assert passwords.fits(passwords.hash_password("caf\u00e9 au lait!"), "cafe\u0301 au lait!")


@pytest.mark.parametrize("broken", [None, "", "no hash", "$argon2id$v=19$m=8,t=1,p=1$"])
def test_nobody_is_checked_too(monkeypatch: pytest.MonkeyPatch, broken: str | None) -> None:
    asked: list[str] = []
    real = PasswordHasher.verify

    def verify(self: PasswordHasher, hash: str, password: str) -> bool:
        asked.append(hash)
        return real(self, hash, password)

    monkeypatch.setattr(PasswordHasher, "verify", verify)
    assert not passwords.fits(broken, "four quiet green boats")
    assert len(asked) == 1
    if not broken:
        assert "m=19456,t=2,p=1" in asked[0]


@pytest.mark.parametrize("nothing", [None, ""])
def test_nobody_gets_in_with_nobodys_password(monkeypatch: pytest.MonkeyPatch, nothing: str | None) -> None:
    monkeypatch.setattr(passwords, "_NOBODY", passwords.hash_password("four quiet green boats"))
    assert not passwords.fits(nothing, "four quiet green boats")


def test_outdated() -> None:
    assert passwords.is_outdated(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("x"))
    assert not passwords.is_outdated(passwords.hash_password("x"))
