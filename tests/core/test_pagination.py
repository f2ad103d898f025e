"""Pages by key: complete and without repeats in every direction, and deaf to nonsense."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, aliased, mapped_column

from portal.core.pagination import Page, keyset
from portal.core.tables import LabelEnum, Scaled4, UTCDateTime, word


class Base(DeclarativeBase):
    pass


class Size(LabelEnum):
    SMALL = "small"


class Letter(Base):
    __tablename__ = "letters"
    __table_args__ = (sa.Index("ix_letters_key", "sent_on", "id"),)

    id: Mapped[int] = mapped_column(sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True)
    sent_on: Mapped[date]
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime)
    title: Mapped[str]
    rank: Mapped[int]
    weight: Mapped[Any] = mapped_column(Scaled4)
    size: Mapped[Size] = mapped_column(word(Size))


NEWEST: list[Any] = [Letter.sent_on.desc(), Letter.id.desc()]
START = date(2026, 1, 1)
MOMENT = datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC)


@pytest.fixture
def session() -> Iterator[Session]:
    engine = sa.create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as opened:
        yield opened
    engine.dispose()


def fill(session: Session, days: list[int]) -> None:
    """A letter for each day given; the same day again is a tie."""
    session.add_all(
        Letter(
            id=n,
            sent_on=START + timedelta(days=day),
            seen_at=MOMENT + timedelta(microseconds=day),
            title=f"Brief é {day}",
            rank=day,
            weight=1,
            size=Size.SMALL,
        )
        for n, day in enumerate(days, start=1)
    )
    session.flush()


def page(session: Session, **cursors: Any) -> Page[Any]:
    cursors.setdefault("key_columns", NEWEST)
    cursors.setdefault("size", 3)
    return keyset(session, sa.select(Letter), **cursors)


def ids(page: Page[Any]) -> list[int]:
    return [row.id for row in page.rows]


def forward(session: Session, **options: Any) -> list[list[int]]:
    pages, cursor = [], None
    while True:
        current = page(session, after=cursor, **options)
        pages.append(ids(current))
        assert (current.prev_cursor is not None) == (cursor is not None)
        cursor = current.next_cursor
        if cursor is None:
            return pages


def backward(session: Session, **options: Any) -> list[list[int]]:
    """From the last page to the first, in reading order."""
    current = page(session, **options)
    while current.next_cursor is not None:
        current = page(session, after=current.next_cursor, **options)
    pages = [ids(current)]
    while current.prev_cursor is not None:
        current = page(session, before=current.prev_cursor, **options)
        assert current.next_cursor is not None
        pages.insert(0, ids(current))
    return pages


def test_an_empty_list_is_one_empty_page(session: Session) -> None:
    assert page(session) == Page([], None, None)


def test_pages_filled_from_what_an_index_holds_are_the_same(session: Session) -> None:
    fill(session, [5, 5, 5, 5, 4, 6, 5])

    def filled(entries: sa.Subquery) -> sa.Select[*tuple[Any, ...]]:
        return sa.select(Letter).join(entries, entries.c.id == Letter.id)

    def read(**place: Any) -> Page[Any]:
        return keyset(session, sa.select(Letter.id), key_columns=NEWEST, size=3, filled=filled, **place)

    seen, current = [], read()
    while True:
        seen.append([row.title[-1] + str(row.id) for row in current.rows])
        if current.next_cursor is None:
            break
        current = read(after=current.next_cursor)
    assert seen == [["66", "57", "54"], ["53", "52", "51"], ["45"]]
    current = read(before=current.prev_cursor)
    assert ids(current) == [3, 2, 1] and ids(read(before=current.prev_cursor)) == [6, 7, 4]
    assert ids(read(after="nonsense")) == [6, 7, 4]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_list_that_fits_is_one_page(session: Session, count: int) -> None:
    fill(session, [0] * count)
    only = page(session)
    assert ids(only) == list(range(count, 0, -1))
    assert only.next_cursor is None and only.prev_cursor is None


def test_pages_run_forward_and_back_with_ties_across_the_boundary(session: Session) -> None:
    fill(session, [5, 5, 5, 5, 4, 6, 5])
    expected = [[6, 7, 4], [3, 2, 1], [5]]
    assert forward(session) == expected
    assert backward(session) == expected


def test_a_page_has_25_rows_unless_told_otherwise(session: Session) -> None:
    fill(session, [0] * 26)
    assert len(keyset(session, sa.select(Letter), key_columns=NEWEST).rows) == 25


def test_a_full_last_page_has_no_next(session: Session) -> None:
    fill(session, [1, 2, 3, 4, 5, 6])
    assert forward(session) == [[6, 5, 4], [3, 2, 1]]


ORDERS: dict[str, list[Any]] = {
    "ascending": [Letter.sent_on.asc(), Letter.id.asc()],
    "plain columns": [Letter.sent_on, Letter.id],
    "down and up": [Letter.sent_on.desc(), Letter.id.asc()],
    "up and down": [Letter.sent_on, Letter.id.desc()],
    "one column": [Letter.id.desc()],
    "three columns": [Letter.sent_on.desc(), Letter.title.asc(), Letter.id.desc()],
    "instants": [Letter.seen_at.desc(), Letter.id.desc()],
    "texts": [Letter.title, Letter.id],
    "integers": [Letter.rank.desc(), Letter.id.desc()],
    "an expression": [sa.func.coalesce(Letter.sent_on, START).desc(), Letter.id.desc()],
}


@pytest.mark.parametrize("name", ORDERS)
def test_every_order_is_complete_in_both_directions(session: Session, name: str) -> None:
    fill(session, [3, 1, 2, 3, 3, 2, 1, 0, 3, 2])
    order = ORDERS[name]
    expected = list(session.scalars(sa.select(Letter.id).order_by(*order)))
    for size in (1, 2, 3, 9, 10, 11):
        pages = forward(session, key_columns=order, size=size)
        assert [number for numbers in pages for number in numbers] == expected
        assert all(len(numbers) == size for numbers in pages[:-1])
        assert backward(session, key_columns=order, size=size) == pages


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 4), max_size=15), st.integers(1, 6), st.sampled_from(sorted(ORDERS)))
def test_any_list_is_complete(days: list[int], size: int, name: str) -> None:
    engine = sa.create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        fill(session, days)
        order = ORDERS[name]
        expected = list(session.scalars(sa.select(Letter.id).order_by(*order)))
        pages = forward(session, key_columns=order, size=size)
        assert [number for numbers in pages for number in numbers] == expected
        assert backward(session, key_columns=order, size=size) == pages
    engine.dispose()


def test_a_row_that_arrives_meanwhile_moves_nothing(session: Session) -> None:
    fill(session, [1, 2, 3, 4, 5, 6])
    first = page(session)
    session.add(
        Letter(
            id=99,
            sent_on=START + timedelta(days=9),
            seen_at=MOMENT,
            title="",
            rank=0,
            weight=1,
            size=Size.SMALL,
        )
    )
    session.flush()
    assert ids(page(session, after=first.next_cursor)) == [3, 2, 1]


def test_a_shrunken_list_starts_again(session: Session) -> None:
    fill(session, [1, 2, 3, 4, 5, 6])
    first = page(session)
    last = page(session, after=first.next_cursor)
    session.execute(sa.delete(Letter).where(Letter.id < 4))
    assert ids(page(session, after=first.next_cursor)) == [6, 5, 4]
    session.execute(sa.delete(Letter).where(Letter.id > 4))
    assert ids(page(session, before=last.prev_cursor)) == [4]
    session.execute(sa.delete(Letter))
    assert page(session, before=last.prev_cursor) == Page([], None, None)


def test_going_back_past_the_start_fills_the_first_page(session: Session) -> None:
    fill(session, [1, 2, 3, 4, 5])
    second = page(session, size=2, after=page(session, size=1).next_cursor)
    assert ids(second) == [4, 3]
    first = page(session, size=2, before=second.prev_cursor)
    assert ids(first) == [5, 4]
    assert first.prev_cursor is None and first.next_cursor is not None


def test_one_statement_a_page_without_offset(session: Session) -> None:
    fill(session, [1, 2, 3, 4, 5, 6, 7])
    statements: list[str] = []
    sa.event.listen(session.get_bind(), "before_cursor_execute", lambda *call: statements.append(call[2]))
    second = page(session, after=page(session).next_cursor)
    page(session, before=second.prev_cursor)
    assert len(statements) == 3
    assert all("LIMIT" in statement for statement in statements)
    offsets = [statement.partition("OFFSET")[2] for statement in statements]
    assert all(offset.strip() in ("", "?") for offset in offsets)


@pytest.mark.parametrize("direction", ["after", "before"])
def test_a_page_is_read_from_the_index(session: Session, direction: str) -> None:
    fill(session, list(range(50)))
    plans: list[str] = []
    second = page(session, after=page(session).next_cursor)

    def explain(conn: sa.Connection, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        if statement.startswith("SELECT"):
            plans.extend(
                row[3] for row in cursor.connection.execute("EXPLAIN QUERY PLAN " + statement, parameters)
            )

    sa.event.listen(session.get_bind(), "before_cursor_execute", explain)
    page(session, **{direction: second.prev_cursor})
    assert plans and all(plan.startswith("SEARCH letters USING INDEX ix_letters_key") for plan in plans)


def token(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


GARBAGE = {
    *("", "x", "%%%", "é", "A" * 5000, "\0", "null", "W10", "e30", "W1tbW1tb", "=" * 9, "AAAA", "0" * 999),
    *(
        token(),
        token(1),
        token("2026-01-01"),
        token("2026-01-01", 1, 1),
        token(1, 1),
        token("2026-01-01", "1"),
    ),
    *(
        token("2026-13-01", 1),
        token("x", 1),
        token(None, 1),
        token("2026-01-01", True),
        token("2026-01-01", 1.5),
    ),
    *(
        token("2026-01-01", 2**63),
        token("2026-01-01", 10**400),
        token([], {}),
        token("2026-01-01T10:00:00", 1),
    ),
    token({"a": 1}, 2),
}


@pytest.mark.parametrize("direction", ["after", "before"])
@pytest.mark.parametrize("cursor", sorted(GARBAGE), ids=lambda text: ascii(text)[:40])
def test_a_garbage_cursor_means_the_first_page(session: Session, cursor: str, direction: str) -> None:
    fill(session, [1, 2, 3, 4])
    first = page(session)
    assert page(session, **{direction: cursor}) == first


@pytest.mark.parametrize(
    "values",
    [
        ("2026-01-01T00:00:00", 1),
        ("0001-01-01T00:00:00+10:00", 1),
        ("9999-12-31T23:59:59-10:00", 1),
        ("2026-01-01", 1),
    ],
)
def test_instants_that_no_column_holds_mean_the_first_page(session: Session, values: tuple[Any, ...]) -> None:
    fill(session, [1, 2, 3, 4])
    order = ORDERS["instants"]
    assert page(session, key_columns=order, after=token(*values)) == page(session, key_columns=order)


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800", 5, None])
def test_texts_that_no_column_holds_mean_the_first_page(session: Session, text: Any) -> None:
    fill(session, [1, 2, 3, 4])
    order = ORDERS["texts"]
    assert page(session, key_columns=order, after=token(text, 1)) == page(session, key_columns=order)


def test_numbers_beyond_a_small_column_mean_the_first_page(session: Session) -> None:
    fill(session, [1, 2, 3, 4])
    order = ORDERS["integers"]
    for number in (2**31, -(2**31) - 1):
        assert page(session, key_columns=order, after=token(number, 1)) == page(session, key_columns=order)
    assert page(session, key_columns=order, after=token(2**31 - 1, 2**62)).prev_cursor is not None


@given(st.text(max_size=200))
@settings(deadline=None)
def test_any_cursor_gives_a_page(cursor: str) -> None:
    engine = sa.create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        assert page(session, after=cursor, before=cursor) == Page([], None, None)
    engine.dispose()


def test_after_wins_over_before(session: Session) -> None:
    fill(session, [1, 2, 3, 4, 5, 6, 7])
    first = page(session)
    second = page(session, after=first.next_cursor)
    assert page(session, after=first.next_cursor, before=second.prev_cursor) == second
    assert page(session, after="garbage", before=second.prev_cursor) == page(
        session, before=second.prev_cursor
    )


def test_columns_come_as_named_rows_without_the_keys(session: Session) -> None:
    fill(session, [1, 2, 3, 4])
    stmt = sa.select(Letter.title, Letter.rank.label("place")).where(Letter.rank > 1)
    result = keyset(session, stmt, key_columns=NEWEST, size=2)
    title, place = result.rows[0]
    assert (title, place) == ("Brief é 4", 4)
    assert result.rows[1].title == "Brief é 3" and result.rows[1].place == 3
    rest = keyset(session, stmt, key_columns=NEWEST, size=2, after=result.next_cursor)
    assert [tuple(row) for row in rest.rows] == [("Brief é 2", 2)]
    single = keyset(session, sa.select(Letter.id), key_columns=NEWEST, size=2)
    assert [row.id for row in single.rows] == [4, 3]


def test_entities_and_aliases_come_as_themselves(session: Session) -> None:
    fill(session, [1, 2])
    assert isinstance(page(session).rows[0], Letter)
    other = aliased(Letter)
    result = keyset(session, sa.select(other), key_columns=[other.id.desc()], size=1)
    assert isinstance(result.rows[0], Letter) and result.rows[0].id == 2
    pairs = keyset(session, sa.select(Letter, Letter.rank), key_columns=NEWEST, size=1)
    letter, rank = pairs.rows[0]
    assert isinstance(letter, Letter) and rank == letter.rank


def test_an_order_of_the_statement_is_replaced_and_a_connection_will_do(session: Session) -> None:
    fill(session, [1, 2, 3, 4])
    table = Letter.__table__
    stmt = sa.select(table.c.id).order_by(table.c.rank.asc())
    result = keyset(
        session.connection(), stmt, key_columns=[table.c.sent_on.desc(), table.c.id.desc()], size=3
    )
    assert ids(result) == [4, 3, 2]


def test_columns_that_cannot_order_are_refused_at_once(session: Session) -> None:
    fill(session, [1, 2])
    for column in (Letter.weight, Letter.size):
        with pytest.raises(TypeError):
            page(session, key_columns=[column, Letter.id], size=1)
    with pytest.raises(ValueError):
        page(session, key_columns=[])
    with pytest.raises(ValueError):
        page(session, size=0)


@pytest.mark.parametrize(
    ("order", "condition"),
    [
        (NEWEST, "(letters.sent_on, letters.id) < (%(param_1)s::DATE, %(param_2)s::BIGINT)"),
        (ORDERS["ascending"], "(letters.sent_on, letters.id) > (%(param_1)s::DATE, %(param_2)s::BIGINT)"),
        (ORDERS["down and up"], "letters.sent_on <= %(param_1)s::DATE AND ("),
    ],
)
def test_postgresql_compares_rows(session: Session, order: list[Any], condition: str) -> None:
    fill(session, [1, 2])
    seen: list[sa.Select[Any]] = []

    class Recorder:
        def execute(self, statement: Any, params: Any = None, /) -> Any:
            seen.append(statement)
            return session.execute(statement, params)

    dialect: sa.Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    cursor = page(session, key_columns=order, size=1).next_cursor
    keyset(Recorder(), sa.select(Letter), key_columns=order, size=1, after=cursor)
    assert condition in str(seen[-1].compile(dialect=dialect))
