"""The judge of repeated mails: what it lets pass, and what it must not."""

from __future__ import annotations

import pytest

from tests.durable.repeats import LOG_LAG, Repeat, repeats, unexcused

#: How long the server takes to answer.
ANSWER = 0.01


def log(*takings: tuple[str, float]) -> list[dict[str, object]]:
    lines = []
    for number, (name, at) in enumerate(takings):
        same = {"message_id": name, "file": f"{number}.eml"}
        lines.append({"event": "received", "at": at, **same})
        lines.append({"event": "answered", "status": "250", "at": at + ANSWER, **same})
    return lines


def test_a_mail_handed_over_once_is_no_repeat() -> None:
    assert repeats(log(("a", 1.0), ("b", 1.1))) == []


def test_each_further_time_is_one() -> None:
    found = repeats(log(("a", 1.0), ("a", 9.0), ("b", 2.0), ("a", 5.0)))
    assert found == [Repeat("a", 1.0), Repeat("a", 5.0)]


@pytest.mark.parametrize(
    ("kill", "excused"),
    [
        (10.0 - LOG_LAG - 0.01, False),  # long before the server had it
        (9.99, True),  # the server was slow to write down what it had been given
        (10.02, True),
        (11.0, True),  # a busy machine
        (16.0, False),  # its answer had long been written down, or should have been
        (30.0, False),
    ],
)
def test_a_kill_excuses_what_was_taken_just_before_it(kill: float, excused: bool) -> None:
    assert (unexcused(log(("a", 10.0), ("a", 40.0)), [kill]) == []) is excused


def test_a_kill_excuses_the_last_mail_alone() -> None:
    """Two answers lost by one kill: the sender had gone on before the first was written down."""
    both = log(("a", 10.0), ("b", 10.1), ("a", 14.0), ("b", 14.1))
    assert unexcused(both, [10.2]) == [Repeat("a", 10.0)]
    assert unexcused(both, [10.2, 10.3]) == [Repeat("a", 10.0)]
    assert unexcused(both, [10.05, 10.2]) == []


def test_a_kill_excuses_once() -> None:
    """Between two mails lies one kill, which cannot have cost both."""
    assert unexcused(log(("a", 10.0), ("b", 10.3), ("a", 14.0), ("b", 14.1)), [10.2]) == [Repeat("b", 10.3)]


def test_a_mail_repeated_twice_needs_two_kills() -> None:
    thrice = log(("a", 1.0), ("a", 3.0), ("a", 5.0))
    assert unexcused(thrice, [1.1]) == [Repeat("a", 3.0)]
    assert unexcused(thrice, [1.1, 3.1]) == []


def test_what_was_refused_is_no_repeat() -> None:
    lines = log(("a", 1.0), ("a", 3.0))
    lines[1]["status"] = "451"
    assert repeats(lines) == []
