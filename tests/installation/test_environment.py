"""What make says on a machine that lacks something, and that nothing is installed twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from portal.installation import environment


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would have been run."""
    run: list[list[str]] = []

    def record(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        run.append([str(part) for part in command])
        if command[1:3] == ["-m", "venv"]:
            python = Path(command[-1]) / "bin" / "python"
            python.parent.mkdir(parents=True, exist_ok=True)
            python.touch()
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", record)
    return run


def test_installs_once_and_again_only_when_the_list_changed(
    tmp_path: Path, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        (tmp_path / name).write_text("one==1\n")
    monkeypatch.setattr(environment, "PROJECT", tmp_path)
    folder = tmp_path / ".venv"
    environment.provide_environment(folder, "dev")
    assert [command[1:3] for command in commands] == [["-m", "venv"], ["-m", "pip"]]
    commands.clear()
    environment.provide_environment(folder, "dev")
    environment.provide_environment(folder, "run")
    assert commands == []
    (tmp_path / "requirements.txt").write_text("one==2\n")
    environment.provide_environment(folder, "run")
    assert commands[-1][-2:] == ["-r", str(tmp_path / "requirements.txt")]


def test_what_an_owner_wants_beside_it_is_installed_too(
    tmp_path: Path, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And again when the environment is made anew, or else a section would be gone after an update of Python."""
    (tmp_path / "requirements.txt").write_text("one==1\n")
    monkeypatch.setattr(environment, "PROJECT", tmp_path)
    folder, local = tmp_path / ".venv", tmp_path / "requirements-local.txt"
    environment.provide_environment(folder, "run")
    assert str(local) not in commands[-1]
    local.write_text("loket-warranty\n")
    environment.provide_environment(folder, "run")
    assert commands[-1][-4:] == ["-r", str(tmp_path / "requirements.txt"), "-r", str(local)]
    commands.clear()
    environment.provide_environment(folder, "run")
    assert commands == []


def test_an_interrupted_installation_is_repeated(
    tmp_path: Path, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(command: list[str], **_: Any) -> None:
        raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(subprocess.CalledProcessError):
        environment.provide_environment(tmp_path / ".venv", "run")
    assert not (tmp_path / ".venv" / "installed-run").exists()


def test_an_old_python_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    with pytest.raises(environment.Missing, match=r"needs Python 3\.11 or newer, and this is 3\.9"):
        environment.check_python()


def test_a_python_without_venv_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(environment.Missing, match=r"apt install python3\.\d+-venv"):
        environment.check_python()


def test_missing_programs_are_installed_as_root_on_debian(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "find_program", lambda name: None if name == "initdb" else "/bin/x")
    monkeypatch.setattr(environment.os, "geteuid", lambda: 0)
    monkeypatch.setattr(environment.shutil, "which", lambda name: "/usr/bin/apt-get")
    environment.provide_programs()
    assert commands[-1][-1] == "postgresql" and commands[-1][0] == "apt-get"


def test_missing_programs_are_named_elsewhere(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "find_program", lambda name: None)
    monkeypatch.setattr(environment.os, "geteuid", lambda: 1000)
    with pytest.raises(
        environment.Missing, match="sudo apt install chromium redis-server postgresql poppler-utils"
    ):
        environment.provide_programs()
    assert commands == []


def test_requirements_are_pinned_to_the_last_one() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (environment.PROJECT / name).read_text().splitlines():
            assert not line or line.startswith(("#", "-r ")) or "==" in line, line


def test_the_script_parses_on_an_old_python() -> None:
    import ast

    source = Path(environment.__file__).read_text()
    assert ast.parse(source, feature_version=(3, 8))
