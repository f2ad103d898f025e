"""A whole installation in processes of its own: web server, workers, scheduler and Redis, as `make run` starts it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from tests import prepared
from tests.services import _die_with_tests, free_port, wait_until

PROJECT = Path(__file__).resolve().parents[2]
READY = "Stop it with Ctrl-C"


class Issued(NamedTuple):
    """An invoice that the command made."""

    number: str
    link: str


class Installation:
    """One `python app.py`, in a folder and on a port of its own; mails go to the SMTP server it is given."""

    def __init__(
        self, folder: Path, *, mode: str, smtp_url: str | None, program: tuple[str, ...] = ("app.py",)
    ) -> None:
        self.folder = folder
        self.mode = mode
        self.port = free_port()
        self.program = program
        self.output = folder / "output.txt"
        self.process: subprocess.Popen[bytes] | None = None
        #: Words of errors in the log that a test asks for.
        self.expected: tuple[str, ...] = ()
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        # Nothing of the tests' own environment: what somebody with a fresh machine has is enough.
        self.env = {**kept, "INSTANCE_DIR": str(folder / "instance"), "PORT": str(self.port)}
        if smtp_url:
            self.env["SMTP_URL"] = smtp_url

    @property
    def url(self) -> str:
        """Where the shop is; without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it has printed its address, which it does when its web server answers."""
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, *self.program, *(["--demo"] if self.mode == "demo" else [])],
                cwd=PROJECT,
                env=self.env,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_tests,
            )
        wait_until(lambda: READY in self.printed() or self.ended, seconds=150, what="the start of the portal")
        assert not self.ended, self.printed()

    @property
    def ended(self) -> bool:
        """Has it stopped by itself?"""
        return self.process is None or self.process.poll() is not None

    def printed(self) -> str:
        """What stands on its terminal."""
        return self.output.read_text(errors="replace")

    def stop(self) -> None:
        """Ctrl-C; fails when something went wrong while it ran, or when it does not end well."""
        if self.process is None:
            return
        process, self.process = self.process, None
        process.send_signal(signal.SIGINT)
        try:
            status = process.wait(40)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise AssertionError(f"Ctrl-C did not stop it:\n{self.printed()}") from None
        wrong = self.errors()
        assert not wrong and status == 0, f"it ended with {status}, and wrote\n" + "\n".join(
            wrong or [self.printed()]
        )

    def errors(self) -> list[str]:
        """The errors in the log that no test asked for, each with its traceback."""
        entries = re.split(r"\n(?=\d{4}-\d\d-\d\dT\d\d:)", self.printed())
        return [
            entry
            for entry in entries
            if re.search(r"Traceback| ERROR | CRITICAL ", entry)
            and not any(word in entry for word in self.expected)
        ]

    def flask(self, *command: str, given: str = "") -> str:
        """Run a command of `flask` beside the running installation and return what it prints."""
        return self.run("flask", "--app", "app", *command, given=given)

    def run(self, module: str, *arguments: str, given: str = "") -> str:
        """Run a module of Python with the settings of the installation and return what it prints.

        ``given`` is what it reads.
        """
        done = prepared.run(module, *arguments, env={**self.env, "LOKET_MODE": self.mode}, given=given)
        assert done.returncode == 0, f"{module} {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def issue(self, *invoices: dict[str, Any]) -> list[Issued]:
        """Issue invoices by `flask invoice create --from-json`, which mails them."""
        path = self.folder / "invoices.json"
        path.write_text(json.dumps(list(invoices)))
        lines = self.flask("invoice", "create", "--from-json", str(path)).splitlines()
        issued = [Issued(line.split()[0], line.split()[-1]) for line in lines if "/pay/" in line]
        assert len(issued) == len(invoices), lines
        return issued


def invoice_for(
    email: str, *, description: str = "Espresso beans, 1 kg", price: str = "24.50"
) -> dict[str, Any]:
    """The JSON of an invoice with one line."""
    line = {"description": description, "quantity": "2", "unit_price": price, "vat_rate": "9"}
    return {"customer": email, "lines": [line]}
