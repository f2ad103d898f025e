"""The programs that only the soak uses: pinned, installed on first use into `.soak/`, which is not kept in git."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
HOME = PROJECT / ".soak"
#: The checker of the W3C's own validation service, as a program for Java.
VNU = "vnu-jar@26.9.27"
WAPITI = "wapiti3==3.2.3"
MUTMUT = "mutmut==3.8.1"


class Missing(Exception):
    """A program that this machine does not have and that is not ours to install."""


def html_checker() -> list[str]:
    """The command of the HTML checker."""
    java = shutil.which("java")
    if java is None:
        raise Missing("Java; on Debian: apt install default-jre-headless")
    jar = HOME / "html" / "node_modules" / "vnu-jar" / "build" / "dist" / "vnu.jar"
    if _stale(HOME / "html", VNU):
        npm = shutil.which("npm")
        if npm is None:
            raise Missing("npm, which brings the HTML checker; on Debian: apt install npm")
        _run([npm, "install", "--prefix", str(HOME / "html"), "--no-fund", "--no-audit", "--silent", VNU])
        _keep(HOME / "html", VNU)
    return [java, "-Xss4m", "-jar", str(jar)]


def scanner() -> list[str]:
    """The command of the web scanner."""
    return [str(_python_tool("scan", WAPITI, []) / "wapiti")]


def mutator() -> list[str]:
    """The command of the mutation tool, in an environment that has everything the tests need."""
    return [str(_python_tool("mutation", MUTMUT, ["-r", str(PROJECT / "requirements-dev.txt")]) / "mutmut")]


def _python_tool(name: str, package: str, more: list[str]) -> Path:
    folder = HOME / name
    wanted = package + "".join(Path(each).read_text() for each in more if each.endswith(".txt"))
    if _stale(folder, wanted):
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])
        _run([str(folder / "bin" / "python"), "-m", "pip", "install", "-q", "--no-input", *more, package])
        _keep(folder, wanted)
    return folder / "bin"


def _stale(folder: Path, wanted: str) -> bool:
    stamp = folder / "installed"
    return not stamp.exists() or stamp.read_text() != wanted


def _keep(folder: Path, wanted: str) -> None:
    (folder / "installed").write_text(wanted)


def _run(command: list[str]) -> None:
    HOME.mkdir(exist_ok=True)
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT)
    if done.returncode:
        raise Missing(f"{Path(command[0]).name} could not install it: {done.stderr[-500:]}")
