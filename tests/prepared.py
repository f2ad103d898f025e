"""Commands in a process of their own that need not import the whole portal first: that takes longer than they do.

A Python that has imported it waits beside the tests and forks for each command. What settings, packages and the folder
decide is read after the fork, as in a start of its own; tests of the start itself make one.

    python -m tests.prepared
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.services import _die_with_tests

PROJECT = Path(__file__).resolve().parents[1]
#: Whoever takes longer has hung.
SECONDS = 60
#: What every command needs.
IMPORTED = (
    "flask.cli",
    "flask_migrate",
    "portal.installation.hooks",
    "portal.installation.start",
    "portal.installation.translations",
)


@functools.cache
def _waiting() -> subprocess.Popen[str]:
    waiting = subprocess.Popen(
        [sys.executable, "-m", __name__],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=_die_with_tests,
    )
    # Its end is the end of what it reads.
    atexit.register(waiting.communicate)
    return waiting


def run(
    module: str, *arguments: str, env: dict[str, str], given: str = ""
) -> subprocess.CompletedProcess[str]:
    """``python -m module arguments`` in the project's folder, with this environment and nothing else of it."""
    with tempfile.TemporaryDirectory(prefix="loket-test-") as name:
        folder = Path(name)
        (folder / "0").write_text(given)
        request = {"command": [module, *arguments], "env": env, "folder": name}
        waiting = _waiting()
        assert waiting.stdin and waiting.stdout
        print(json.dumps(request), file=waiting.stdin, flush=True)
        code = int(waiting.stdout.readline())
        out, err = ((folder / number).read_text() for number in "12")
    return subprocess.CompletedProcess([module, *arguments], code, out, err)


def serve() -> dict[str, Any] | None:
    """Forks for each command and tells how it ended. Answers in the fork what it is to do, and at the end None."""
    for name in IMPORTED:
        importlib.import_module(name)
    commands, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    gc.freeze()
    for line in commands:
        pid = os.fork()
        if pid == 0:
            request: dict[str, Any] = json.loads(line)
            return request
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), file=answers, flush=True)
    return None


def become(request: dict[str, Any]) -> None:
    """What the command is from here on; its end is this process's."""
    signal.alarm(SECONDS)
    folder, env = Path(request["folder"]), request["env"]
    for number, flags in enumerate((os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT)):
        os.dup2(os.open(folder / str(number), flags, 0o600), number)
    os.environ.clear()
    os.environ.update(env)
    sys.dont_write_bytecode = bool(env.get("PYTHONDONTWRITEBYTECODE"))
    sys.path[1:1] = [place for place in env.get("PYTHONPATH", "").split(os.pathsep) if place]
    importlib.invalidate_caches()
    module, *sys.argv[1:] = request["command"]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    wanted = serve()
    if wanted is not None:
        become(wanted)
