"""The Python environment in .venv and the programs the tests need; make runs this first, with any Python 3.

    python3 portal/installation/environment.py run|dev|programs

Uses the standard library only and no syntax newer than Python 3.8, so that an old Python gets a sentence and
not a syntax error. Nothing is installed, and the network is not touched, while nothing has changed.
"""

from __future__ import annotations

import glob
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
OLDEST = (3, 11)
REQUIREMENTS = {"run": ["requirements.txt"], "dev": ["requirements.txt", "requirements-dev.txt"]}
# What an owner wants beside it, such as packages with sections: read where it is there, never part of Loket.
LOCAL = "requirements-local.txt"
# What the tests start beside the portal: names of which any will do, the package on Debian, and Homebrew's.
PROGRAMS = {
    "Chromium": (["chromium", "chromium-browser", "google-chrome"], "chromium", "chromium"),
    "Redis": (["redis-server"], "redis-server", "redis"),
    "PostgreSQL": (["initdb"], "postgresql", "postgresql"),
    "Poppler": (["pdftotext"], "poppler-utils", "poppler"),
}
POSTGRES_FOLDERS = "/usr/lib/postgresql/*/bin"  # Debian keeps the server's programs off the PATH


class Missing(Exception):
    """Something must be installed first; the message says what and how."""


def main(arguments: list[str]) -> int:
    wanted = arguments[0] if len(arguments) == 1 else ""
    try:
        if wanted == "programs":
            provide_programs()
        elif wanted in REQUIREMENTS:
            provide_environment(PROJECT / ".venv", wanted)
        else:
            raise Missing("Say one of: run, dev, programs.")
    except Missing as missing:
        print(missing, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as failed:
        print(f"Stopped: `{' '.join(map(str, failed.cmd[:6]))}` failed, see above.", file=sys.stderr)
        return 1
    return 0


def provide_environment(folder: Path, wanted: str) -> None:
    """Make the environment when it is not there, install what is listed when that changed."""
    python = folder / "bin" / "python"
    stamp = folder / ("installed-" + wanted)
    fingerprint = _fingerprint(folder, wanted)
    if stamp.exists() and stamp.read_text() == fingerprint and python.exists():
        return
    check_python()
    if not _works(python):
        print("Making the Python environment in .venv …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    print("Installing what Loket needs; this takes a minute or two, once …", flush=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--root-user-action=ignore")
    for path in _lists(wanted):
        command += ["-r", str(path)]
    subprocess.run(command, check=True, cwd=PROJECT)
    stamp.write_text(fingerprint)
    if wanted == "dev":  # which holds everything `make run` needs, in the same versions
        (folder / "installed-run").write_text(_fingerprint(folder, "run"))


def check_python() -> None:
    """Raises Missing when this Python is too old, or a Debian one without what makes environments."""
    if sys.version_info < OLDEST:
        raise Missing(
            f"Loket needs Python {_dotted(OLDEST)} or newer, and this is {_dotted(sys.version_info)}. "
            "Install a newer one and name it: make run PYTHON=python3.12"
        )
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise Missing(
            "This Python lacks its venv module. Install it (on Debian and Ubuntu: apt install "
            f"python{_dotted(sys.version_info)}-venv) and type the same command again."
        )


def provide_programs() -> None:
    """Install the programs of the tests as root on Debian; else raise Missing with the command to type."""
    missing = [name for name, (programs, _, _) in PROGRAMS.items() if not any(map(find_program, programs))]
    if not missing:
        return
    packages = [PROGRAMS[name][1] for name in missing]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing for the tests: " + ", ".join(missing) + " …", flush=True)
        quiet = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        subprocess.run(["apt-get", "update", "-qq"], check=True, env=quiet)
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends"]
        subprocess.run(install + packages, check=True, env=quiet, stdout=subprocess.DEVNULL)
        return
    raise Missing(
        f"The tests need {', '.join(missing)}. Debian and Ubuntu: sudo apt install {' '.join(packages)}; "
        f"macOS: brew install {' '.join(PROGRAMS[name][2] for name in missing)}."
    )


def find_program(name: str) -> str | None:
    """Where a program is: on the PATH, or among PostgreSQL's own, the newest first."""
    found = shutil.which(name)
    if found:
        return found
    if name in ("initdb", "postgres"):
        for folder in sorted(glob.glob(POSTGRES_FOLDERS), key=_postgres_version, reverse=True):
            if os.access(os.path.join(folder, name), os.X_OK):
                return os.path.join(folder, name)
    return None


def _postgres_version(folder: str) -> float:
    try:
        return float(folder.split("/")[-2])
    except ValueError:
        return 0.0


def _dotted(version: Any) -> str:
    return f"{version[0]}.{version[1]}"


def _works(python: Path) -> bool:
    """Does the environment still run? A folder that was moved, or a Python that was upgraded, breaks it."""
    if not python.exists():
        return False
    script = f"import pip, sys; sys.exit(sys.version_info[:2] != {tuple(sys.version_info[:2])!r})"
    return subprocess.run([str(python), "-c", script], stderr=subprocess.DEVNULL).returncode == 0


def _fingerprint(folder: Path, wanted: str) -> str:
    digest = hashlib.sha256(f"{folder}\n{sys.version}\n{sys.prefix}\n".encode())
    for path in _lists(wanted):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _lists(wanted: str) -> list[Path]:
    local = [PROJECT / LOCAL] if (PROJECT / LOCAL).exists() else []
    return [PROJECT / name for name in REQUIREMENTS[wanted]] + local


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
