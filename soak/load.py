"""Customers at work: invoices are issued, paid at the test bank in every way, downloaded, and buttons are pressed.

What the portal acknowledged is written down, as that is what must not be lost. A visitor who is cut off does what
people do: tries again.
"""

from __future__ import annotations

import contextlib
import queue
import random
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from soak.installation import Portal
from soak.visitor import Answer, CutOff, Visitor
from tests.services import _die_with_tests

PROJECT = Path(__file__).resolve().parents[1]
#: What payers do at the bank, and how often of twenty.
DECISIONS = ["paid"] * 14 + ["failed", "canceled", "expired", "later", "later", "nothing"]
NOTICES = ("before", "after", "thrice", "never")
_INVOICE = re.compile(r'href="(/customer/invoices/[A-Za-z0-9_-]{22})"')


@dataclass
class Acknowledged:
    """What somebody was told has happened."""

    issued: list[str] = field(default_factory=list)
    #: The bank's id → what was decided, when the bank said so.
    decided: dict[str, str] = field(default_factory=dict)
    pdfs: set[tuple[str, str]] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    #: Answers that nobody should get, whatever was killed.
    wrong: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


class Load:
    """Runs beside the caller between `start` and `finish`."""

    def __init__(self, portal: Portal, seed: int, *, invoices: int, pause: float, payers: int = 4) -> None:
        self.portal = portal
        self.seed = seed
        self.said = Acknowledged()
        self.links: queue.Queue[str] = queue.Queue()
        self.ended = threading.Event()
        self.issuer = subprocess.Popen(
            [sys.executable, "-m", "soak.issuer", str(invoices), str(pause)],
            cwd=PROJECT,
            env={**portal.env, "LOKET_MODE": "serve", "LOG_LEVEL": "ERROR"},
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=_die_with_tests,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.people = [
            threading.Thread(target=self._pay_all, args=(number,), daemon=True) for number in range(payers)
        ]
        self.people.append(threading.Thread(target=self._look_around, daemon=True))

    def start(self) -> None:
        for thread in (self.reader, *self.people):
            thread.start()

    def finish(self, *, seconds: float = 90) -> None:
        """No more invoices; what was begun is brought to its end."""
        self.issuer.terminate()
        self.issuer.wait(20)
        self.ended.set()
        deadline = time.monotonic() + seconds
        for thread in (self.reader, *self.people):
            thread.join(max(0.1, deadline - time.monotonic()))
            if thread.is_alive():
                self.said.wrong.append("a visitor was still busy when the load should have ended")

    def _read(self) -> None:
        assert self.issuer.stdout is not None
        for line in self.issuer.stdout:
            kind, _, rest = line.strip().partition(" ")
            if kind == "issued":
                number, link = rest.split()
                self.said.issued.append(number)
                self.said.counts["invoices issued"] += 1
                self.links.put(link)
            elif kind == "refused":
                self.said.refused.append(rest)

    def _pay_all(self, number: int) -> None:
        chance = random.Random(f"{self.seed}-{number}")
        while True:
            try:
                link = self.links.get(timeout=0.3)
            except queue.Empty:
                if self.ended.is_set():
                    return
                continue
            address = f"127.1.{number}.{chance.randrange(1, 250)}"
            visitor = Visitor(self.portal.port, address, timeout=20)
            for _attempt in range(8):
                try:
                    if self._pay(visitor, link, chance):
                        break
                except CutOff:
                    self.said.counts["cut off and tried again"] += 1
                    time.sleep(chance.uniform(0.1, 0.8))
            else:
                self.said.counts["gave up after eight tries"] += 1

    def _pay(self, visitor: Visitor, link: str, chance: random.Random) -> bool:
        """One try at one invoice; whether this person is done with it."""
        if chance.random() < 0.15:
            self._noted(visitor.post(link, {}, to=f"{link}/restart"), "pressed start again")
        started = self._noted(visitor.pay(link, chance.choice(("ideal", "card"))), "pressed pay")
        if started.status != 303 or "/sandbox/" not in started.location:
            # Refused with a sentence, or paid meanwhile by a try whose answer was lost.
            return started.status == 303
        checkout = started.location
        decision, notice = chance.choice(DECISIONS), chance.choice(NOTICES)
        if decision == "nothing":
            return True
        bank_id = urlsplit(checkout).path.rpartition("/")[2]
        decided = self._noted(visitor.decide(checkout, decision, notice), f"decided {decision}")
        if decided.status == 303:
            self.said.decided[bank_id] = decision
            if notice == "never" and chance.random() < 0.3:
                return True  # closes the browser: only the scheduled question finds out
            back = self._noted(visitor.go_back(decided.location), "came back")
            return back.status in (200, 303)
        return decided.status == 409

    def _look_around(self) -> None:
        """Emma, signed in: pages, PDFs in the other language, her appearance, out and in again."""
        chance = random.Random(f"{self.seed}-emma")
        emma: Visitor | None = None
        while not self.ended.is_set():
            try:
                if emma is None or chance.random() < 0.05:
                    emma = Visitor(self.portal.port, f"127.2.0.{chance.randrange(1, 250)}", timeout=20)
                    self._noted(emma.log_in("emma@example.com"), "logged in")
                token = emma.token("/customer")
                theme = {"theme": chance.choice(("dark", "light", "system")), "next": "/customer"}
                self._noted(emma.post_with(token, "/preferences", theme), "chose a theme")
                pages = _INVOICE.findall(
                    self._noted(emma.get("/customer/invoices"), "looked at the list").text
                )
                if pages:
                    page = chance.choice(pages)
                    language = chance.choice(("en", "nl"))
                    asked = emma.post_with(token, f"{page}/pdf", {"language": language})
                    if self._noted(asked, "asked for a PDF").status == 303:
                        self.said.pdfs.add((page.rpartition("/")[2], language))
                    self._noted(emma.get(f"{page}/pdf"), "downloaded a PDF")
            except CutOff:
                self.said.counts["cut off and tried again"] += 1
            time.sleep(chance.uniform(0.1, 0.5))

    def _noted(self, answer: Answer, what: str) -> Answer:
        self.said.counts[what] += 1
        if answer.status >= 500:
            with contextlib.suppress(IndexError):
                self.said.wrong.append(f"{what}: {answer.status} {answer.text[:80]!r}")
        return answer
