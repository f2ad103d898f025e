"""The mail server gone, silent, slow, answering 4xx and 5xx: work waits, and in the end says why it failed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from portal.core import clock, outbox
from portal.core.mailer import MailState
from portal.core.outbox import OutboxState
from portal.core.retries import BACKOFF
from soak import books
from soak.books import Ledger
from soak.installation import Portal
from soak.mail_server import MailServer
from soak.proxy import Line, Proxy
from soak.report import Part
from soak.scene import Bill, Scene
from tests.services import wait_until

#: A step of the conversation, what the server says there, whether trying again may help, and what the row tells.
SAYINGS = (
    ("banner", "421 4.3.2 closing", True, "421"),
    ("banner", "554 5.7.1 no service here", True, "554"),
    ("banner", "", True, "closed the connection"),
    ("mail", "451 4.3.0 later", True, "451"),
    ("mail", "550 5.1.8 no such sender", False, "550"),
    ("rcpt", "450 4.2.1 greylisted", True, "450"),
    ("rcpt", "550 5.1.1 no such mailbox", False, "550"),
    ("data", "451 4.3.1 no room", True, "451"),
    ("data", "554 5.6.0 not like this", False, "554"),
    ("content", "452 4.3.1 full", True, "452"),
    ("content", "552 5.3.4 too big", False, "552"),
    ("content", "", True, "closed the connection"),
)
#: Between an attempt and our look at it.
LOOK = 12.0


def run(part: Part, folder: Path, seed: int) -> None:
    with MailServer() as server, Proxy(server.port, seed=seed) as proxy:
        url = f"smtp://127.0.0.1:{proxy.port}"
        with Portal(folder, smtp_url=url) as portal:
            scene = Scene(portal)
            answers(part, scene, server)
            slow(part, scene, server)
            for name, line, words in (
                ("gone", Line.GONE, "cannot be reached"),
                ("silent", Line.SILENT, "no answer within"),
            ):
                away(part, scene, server, proxy, name, line, words)
            exhausted(part, scene, server, proxy)
            wrong = [
                each
                for each in Ledger(portal, log_of(server)).mails_missing()
                # Those that were refused for good say so, and are not at any server.
                if " is failed: 55" not in each
            ]
            part.row(
                "mail: afterwards every other mail is at the server", f"{len(server.taken)} taken", wrong
            )


def log_of(server: MailServer) -> list[dict[str, object]]:
    """Its memory in the words of the recording server."""
    return [{"event": "answered", "message_id": f"<{each}>", "at": 0.0} for each in server.taken]


def answers(part: Part, scene: Scene, server: MailServer) -> None:
    """Each step answered with each kind of no."""
    wrong: list[str] = []
    for step, words, may_help, told in SAYINGS:
        where = f"{step} {words or 'hangs up'}"
        server.says = {step: words}
        bill = scene.bill()
        if not tried(scene, bill):
            wrong.append(f"{where}: nobody tried")
            continue
        wrong += [f"{where}: {each}" for each in after_first(scene, bill, may_help, told)]
        wrong += [f"{where}: {each}" for each in pages(scene)]
        server.says = {}
        if may_help:
            books.hurry(scene.portal)
            wrong += [f"{where}: {each}" for each in sent_once(scene, bill, server)]
        elif scene.mail_of(bill)[0].message_id in server.taken:
            wrong.append(f"{where}: it counts as failed, and the server has it")
    part.row(
        "mail server says 4xx, 5xx or hangs up: waits and leaves later, or fails with the reason",
        f"{len(SAYINGS)} ways",
        wrong,
    )


def after_first(scene: Scene, bill: Bill, may_help: bool, told: str) -> list[str]:
    """How the mail stands after one attempt."""
    mail, row = scene.mail_of(bill)
    found = []
    if told not in (mail.error or ""):
        found.append(f"the mail tells {mail.error!r}")
    if may_help:
        due = (row.due_at - clock.now()).total_seconds()
        if (row.state, mail.state) != (OutboxState.WAITING, MailState.QUEUED):
            found.append(f"it is {row.state} and {mail.state} after the first attempt")
        elif not BACKOFF[0] * 0.9 - LOOK <= due <= BACKOFF[0] * 1.1:
            found.append(f"it is tried again in {due:.0f} s")
    elif (row.state, mail.state) != (OutboxState.FAILED, MailState.FAILED):
        found.append(f"it is {row.state} and {mail.state}, and trying again cannot help")
    return found


def slow(part: Part, scene: Scene, server: MailServer) -> None:
    """Every step takes its time."""
    server.wait = dict.fromkeys(("banner", "ehlo", "mail", "rcpt", "data", "content"), 1.0)
    bill = scene.bill()
    wrong = [*pages(scene), *sent_once(scene, bill, server, seconds=90)]
    server.wait = {}
    _, row = scene.mail_of(bill)
    if row.attempts != 1:
        wrong.append(f"it took {row.attempts} attempts")
    part.row("mail server slow: the mail leaves at the first attempt", "6 steps of 1 s", wrong)


def away(
    part: Part, scene: Scene, server: MailServer, proxy: Proxy, name: str, line: Line, words: str
) -> None:
    """Nobody there, or nobody who speaks."""
    proxy.become(line)
    bill = scene.bill()
    wrong = [] if tried(scene, bill, seconds=60) else ["nobody tried"]
    wrong += [*after_first(scene, bill, True, words), *pages(scene)]
    proxy.become(Line.GOOD)
    books.hurry(scene.portal)
    wrong += sent_once(scene, bill, server)
    part.row(f"mail server {name}: the mail waits with the reason, and leaves later", "1 mail", wrong)


def exhausted(part: Part, scene: Scene, server: MailServer, proxy: Proxy) -> None:
    """Every attempt in vain: the pauses grow, and in the end it is failed with the reason, and can be sent again."""
    proxy.become(Line.GONE)
    bill = scene.bill()
    wrong: list[str] = []
    pauses = []
    for attempt in range(1, outbox.ATTEMPTS + 1):
        if not until(lambda n=attempt: settled_attempt(scene, bill, n), 60):
            wrong.append(f"attempt {attempt} did not come")
            break
        mail, row = scene.mail_of(bill)
        if attempt < outbox.ATTEMPTS:
            pause = (row.due_at - clock.now()).total_seconds()
            pauses.append(round(pause))
            meant = BACKOFF[min(attempt, len(BACKOFF)) - 1]
            if not meant * 0.9 - LOOK <= pause <= meant * 1.1:
                wrong.append(f"after attempt {attempt} it waits {pause:.0f} s, not about {meant}")
            books.hurry(scene.portal)
    mail, row = scene.mail_of(bill)
    if (row.state, mail.state) != (OutboxState.FAILED, MailState.FAILED):
        wrong.append(f"after all attempts it is {row.state} and {mail.state}")
    if "cannot be reached" not in (mail.error or "") or not row.last_error:
        wrong.append(f"it tells {mail.error!r}, and its row {row.last_error!r}")
    proxy.become(Line.GOOD)
    resend(scene, bill)
    wrong += sent_once(scene, bill, server)
    part.row(
        "mail server gone for good: fails with the reason after growing pauses, and can be sent again",
        f"{outbox.ATTEMPTS} attempts, pauses of {', '.join(map(str, pauses))} s",
        wrong,
    )


def resend(scene: Scene, bill: Bill) -> None:
    """What staff does once the server is back."""
    from portal.core import mailer
    from portal.extensions import db

    mail, _ = scene.mail_of(bill)
    with scene.portal.scope():
        mailer.resend(db.session.get_one(type(mail), mail.id), now=clock.now())
        db.session.commit()


def settled_attempt(scene: Scene, bill: Bill, attempt: int) -> bool:
    """Whether this attempt was made, and its outcome written down."""
    _, row = scene.mail_of(bill)
    return row.attempts >= attempt and row.state in (OutboxState.WAITING, OutboxState.FAILED)


def tried(scene: Scene, bill: Bill, *, seconds: float = 40) -> bool:
    """Whether the mail was tried; not being able to for want of its PDF is no attempt."""
    return until(lambda: settled_attempt(scene, bill, 1) and bool(scene.mail_of(bill)[0].error), seconds)


def sent_once(scene: Scene, bill: Bill, server: MailServer, *, seconds: float = 40) -> list[str]:
    """What is wrong with a mail that should have left, once."""
    if not until(lambda: scene.mail_of(bill)[0].state is MailState.SENT, seconds):
        mail, row = scene.mail_of(bill)
        return [f"it did not leave: {mail.state}, {mail.error}, {row.state} due at {row.due_at:%H:%M:%S}"]
    times = server.taken.count(str(scene.mail_of(bill)[0].message_id))
    return [] if times == 1 else [f"the server has it {times} times"]


def pages(scene: Scene) -> list[str]:
    """Pages do not care."""
    answer = scene.visitor().get("/login")
    return [] if answer.status == 200 else [f"a page answered {answer.status}"]


def until(happened: Callable[[], bool], seconds: float) -> bool:
    """Whether it happened in time."""
    with contextlib.suppress(pytest.fail.Exception):
        wait_until(happened, seconds=seconds)
        return True
    return False
