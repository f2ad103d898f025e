"""Settings that two change at the same moment: each is stored, and nobody is told of a conflict that there is not."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Flask

from portal.core.audit import Actor
from portal.core.errors import Conflict
from portal.domain.people.appearance import choose_appearance
from portal.domain.people.mail_settings import change_mail_settings, get_mail_settings
from portal.domain.people.models import Person
from portal.domain.people.recipients import Switch
from portal.extensions import db
from tests.cast import START, Ids
from tests.domain.people.test_at_once import alone, at_once, here, on_postgresql

__all__ = ["here", "on_postgresql"]


def turn_off(account: int, switches: list[Switch], version: int | None = None) -> str:
    change_mail_settings(
        account,
        switches=dict.fromkeys(switches, False),
        version=version,
        actor=Actor.system("test"),
        now=START,
    )
    return "done"


def test_each_of_several_switches_at_once_is_stored(here: tuple[Flask, Ids]) -> None:
    account, waiting = here[1].emma_account, list(Switch)
    answers = at_once(here, len(Switch), lambda: turn_off(account, [waiting.pop()]))
    assert answers == ["done"] * len(Switch)
    assert not any(alone(here, lambda: get_mail_settings(account)).switches.values())


def test_of_whole_pages_saved_at_once_one_is_stored(here: tuple[Flask, Ids]) -> None:
    account, waiting = here[1].jan_account, list(Switch)
    version = alone(here, lambda: get_mail_settings(account)).version
    answers = at_once(here, len(Switch), lambda: turn_off(account, [waiting.pop()], version))
    assert answers.count("done") == 1
    assert all(answer == "done" or isinstance(answer, Conflict) for answer in answers), answers
    assert list(alone(here, lambda: get_mail_settings(account)).switches.values()).count(False) == 1


def test_a_theme_and_a_language_chosen_at_once_are_both_stored(here: tuple[Flask, Ids]) -> None:
    emma, waiting = here[1].emma, [("dark", None), (None, "nl"), ("dark", None), (None, "nl")]

    def choose() -> str:
        theme, language = waiting.pop()
        choose_appearance(emma, theme=theme, language=language)
        return "done"

    assert at_once(here, 4, choose) == ["done"] * 4
    stored = sa.select(Person.theme, Person.language).where(Person.id == emma)
    assert tuple(alone(here, lambda: db.session.execute(stored).one())) == ("dark", "nl")
