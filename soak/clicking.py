"""Many clicks in the same moment, and what came of them."""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Callable

import sqlalchemy as sa

from portal.extensions import db
from soak.report import Part
from soak.scene import Scene
from soak.visitor import Answer, CutOff, Visitor

CLICKS = 50

#: What clicks on one thing, and writes down what came of it on which database.
Click = Callable[[Part, Scene, str], None]


def at_once(clicks: list[Callable[[], Answer]]) -> tuple[Counter[str], list[str], list[Answer]]:
    """All of them in the same moment: how often each answer came, those that are errors, and the answers."""
    answers: list[Answer] = []
    seen: Counter[str] = Counter()
    wrong: list[str] = []
    gate = threading.Barrier(len(clicks))

    def click(send: Callable[[], Answer]) -> None:
        gate.wait()
        try:
            answer = send()
        except CutOff as cut:
            seen["cut off"] += 1
            wrong.append(str(cut))
            return
        answers.append(answer)
        seen[str(answer.status)] += 1
        if answer.status >= 500:
            wrong.append(f"answered {answer.status}")

    threads = [threading.Thread(target=click, args=(each,)) for each in clicks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen, sorted(set(wrong)), answers


def told(seen: Counter[str]) -> str:
    """34 × 303, 16 × 422."""
    return ", ".join(f"{count} × {status}" for status, count in sorted(seen.items()))


def posts(
    visitors: list[Visitor], page: str, data: dict[str, str], *, to: str | None = None, signed: bool = True
) -> list[Callable[[], Answer]]:
    """A click of each: with the page opened before, so that all press the button in the same moment."""
    made = []
    for visitor in visitors:
        token = visitor.token(page) if signed else ""
        made.append(lambda v=visitor, t=token: v.post_with(t, to or page, data))
    return made


def one_by_one(visitors: list[Visitor], page: str, data: dict[str, str]) -> list[Callable[[], Answer]]:
    """The same of windows that were opened one after the other, each of whose forms has a name of its own."""
    return [
        click
        for visitor in visitors
        for click in posts([visitor], page, {**data, "key": secrets.token_urlsafe(16)})
    ]


def same(visitor: Visitor, scene: Scene) -> list[Visitor]:
    """One person with one session, clicking from many windows (and addresses, so that no limit steps in)."""
    return [
        Visitor(visitor.port, scene.visitor().address, visitor.host, dict(visitor.cookies))
        for _ in range(CLICKS)
    ]


def counted(scene: Scene, model: type, *where: object) -> list[str]:
    """What is wrong when there is not exactly one."""
    with scene.portal.scope():
        count = db.session.scalar(sa.select(sa.func.count()).select_from(model).where(*where))  # type: ignore[arg-type]
    return [] if count == 1 else [f"{count} rows of {model.__name__}"]
