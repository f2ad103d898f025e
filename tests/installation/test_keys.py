"""Keys are made once, kept for their owner, and compared with the data they belong to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from config import Config, ConfigError
from portal.installation import keys


def from_folder(folder: Path, **environ: str) -> Config:
    return keys.ensure(Config.from_env({"INSTANCE_DIR": str(folder), **environ}))


def test_made_on_the_first_start_and_kept(tmp_path: Path) -> None:
    first = from_folder(tmp_path)
    assert len(first.secret_keys[0]) >= 32
    Fernet(first.field_keys[0])
    for name in ("secret.key", "field.key"):
        assert (tmp_path / "secrets" / name).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in (tmp_path / "secrets").iterdir()) == ["field.key", "secret.key"]
    assert first.data_dir.stat().st_mode & 0o777 == 0o700
    assert from_folder(tmp_path) == first
    assert first.flask()["SECRET_KEY"] == first.secret_keys[0]


def test_demo_and_real_installation_have_the_same_keys(tmp_path: Path) -> None:
    assert from_folder(tmp_path).secret_keys == from_folder(tmp_path, LOKET_MODE="demo").secret_keys


def test_given_keys_are_not_written_down(tmp_path: Path) -> None:
    field_key = Fernet.generate_key().decode()
    config = from_folder(tmp_path, SECRET_KEYS="s" * 32, FIELD_KEYS=field_key)
    assert config.secret_keys == ("s" * 32,)
    assert not (tmp_path / "secrets").exists()


def test_two_first_starts_at_once_agree(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "field.key"
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: keys._make(path, lambda: Fernet.generate_key().decode()), range(8)))
    assert set(made) == {(path.read_text().strip(),)}
    assert [*path.parent.iterdir()] == [path]


def test_a_rotated_field_key_is_accepted_and_a_strange_one_stops_the_start(tmp_path: Path) -> None:
    old = from_folder(tmp_path).field_keys[0]
    new = Fernet.generate_key().decode()
    assert from_folder(tmp_path, FIELD_KEYS=f"{new},{old}").field_keys == (new, old)
    with pytest.raises(ConfigError, match="FIELD_KEYS holds none of the keys"):
        from_folder(tmp_path, FIELD_KEYS=new)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"INSTANCE_DIR: .*file.* cannot be used"):
        from_folder(tmp_path / "file")
