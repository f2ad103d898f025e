"""Keys made on the first start, readable by their owner only, and the check that they fit the data."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from config import Config, ConfigError

CHECK_FILE = "field-keys.check"
CHECK_TEXT = b"these keys fit"

#: The files in instance/secrets.
SECRET, FIELD = "secret.key", "field.key"


def ensure(config: Config) -> Config:
    """The settings with keys: those given, else those kept in instance/secrets, made now if there are none.

    Raises ConfigError when the folder cannot be written, or when the field keys are not those the data was
    encrypted with: starting anyway would show and then overwrite fields nobody can read any more.
    """
    try:
        # The database and the documents in it are nobody else's business on a machine of several people.
        config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not config.secret_keys:
            kept = _make(config.secrets_dir / SECRET, lambda: secrets.token_urlsafe(48))
            config = replace(config, secret_keys=kept)
        if not config.field_keys:
            kept = _make(config.secrets_dir / FIELD, lambda: Fernet.generate_key().decode())
            config = replace(config, field_keys=kept)
        _check_field_keys(config)
    except OSError as error:
        where = error.filename or config.instance_dir
        raise ConfigError(f"INSTANCE_DIR: {where} cannot be used: {error.strerror}.") from error
    return config


def field_checks(config: Config) -> tuple[str, ...]:
    """For each field key a text that it alone decrypts; anybody may see them."""
    return tuple(Fernet(key).encrypt(CHECK_TEXT).decode() for key in config.field_keys)


def fit(check: str, field_keys: tuple[str, ...]) -> bool:
    """Is a text of ``field_checks`` decrypted by one of these keys?"""
    try:
        return _of(field_keys).decrypt(check.encode()) == CHECK_TEXT
    except (InvalidToken, ValueError):
        return False


def are_kept(config: Config, name: str) -> bool:
    """Are the keys those of the file in instance/secrets, and not given by the environment?"""
    return _read(config.secrets_dir / name) == (config.secret_keys if name == SECRET else config.field_keys)


def put_in_front(config: Config, name: str, keys: tuple[str, ...]) -> None:
    """Puts keys before those that are kept: the first one is used from now on, and what the others made still works."""
    path = config.secrets_dir / name
    wanted = tuple(dict.fromkeys((*keys, *_read(path))))
    if wanted != _read(path):
        _replace(path, "".join(f"{key}\n" for key in wanted).encode())


def set_check(config: Config, check: str) -> None:
    """From here on the installation starts only with keys that fit this text."""
    _replace(config.data_dir / CHECK_FILE, check.encode())


def forget_check(config: Config) -> None:
    """For an installation without any data: nothing was encrypted yet, so other keys may take the place of these."""
    (config.data_dir / CHECK_FILE).unlink(missing_ok=True)


def _read(path: Path) -> tuple[str, ...]:
    return tuple(re.split(r"[,\s]+", path.read_text(encoding="utf-8").strip())) if path.exists() else ()


def _replace(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)


def _of(field_keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in field_keys])


def _make(path: Path, make: Callable[[], str]) -> tuple[str, ...]:
    """Write a new key, or read the one somebody else wrote first: two programs may start at once."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(make() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(fresh, path)  # unlike a rename, this never replaces a key that is already in use
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return tuple(path.read_text(encoding="utf-8").split())


def _check_field_keys(config: Config) -> None:
    """Compare the field keys with a text encrypted on the first start of this installation."""
    path = config.data_dir / CHECK_FILE
    keys = _of(config.field_keys)
    if not path.exists():
        path.write_bytes(keys.encrypt(CHECK_TEXT))
        path.chmod(0o600)
        return
    try:
        keys.decrypt(path.read_bytes())
    except InvalidToken:
        raise ConfigError(
            f"FIELD_KEYS holds none of the keys {config.data_dir} was encrypted with; add the former key, "
            f"or put back {config.secrets_dir / FIELD}."
        ) from None
