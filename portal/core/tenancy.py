"""Which shop's rows may be seen: a scope that must be entered, and a guard on the session that fails closed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria
from sqlalchemy.sql import visitors

from portal.core.errors import NoShop
from portal.core.tables import Base, BigId, ShopOwned

_shop: ContextVar[int | None] = ContextVar("shop", default=None)
_every_shop: ContextVar[bool] = ContextVar("every_shop", default=False)

Statement = TypeVar("Statement", bound=sa.Executable)


@dataclass(eq=False)
class Refused(Exception):
    """A statement that the guard cannot scope, with what to write instead."""

    statement: str
    instead: str

    def __str__(self) -> str:
        return f"{self.statement} cannot be scoped to a shop: {self.instead}"


@contextmanager
def shop_scope(shop_id: int) -> Iterator[None]:
    """Everything inside sees the rows of this shop only. Scopes of two shops do not nest in one session."""
    shop = _shop.set(shop_id)
    every = _every_shop.set(False)
    try:
        yield
    finally:
        _every_shop.reset(every)
        _shop.reset(shop)


@contextmanager
def every_shop() -> Iterator[None]:
    """The named escape for sweeps over all shops; its call sites are listed by ``tests/architecture``."""
    token = _every_shop.set(True)
    try:
        yield
    finally:
        _every_shop.reset(token)


@contextmanager
def no_shop() -> Iterator[None]:
    """Nothing inside may ask for the shop: for what is built once and used by all of them."""
    shop = _shop.set(None)
    every = _every_shop.set(False)
    try:
        yield
    finally:
        _every_shop.reset(every)
        _shop.reset(shop)


def current_shop_id() -> int:
    """The shop of the active scope; ``NoShop`` outside one."""
    shop_id = _shop.get()
    if shop_id is None:
        raise NoShop("no shop is active: enter shop_scope(shop_id) first")
    return shop_id


def has_shop() -> bool:
    """Whether a shop is active."""
    return _shop.get() is not None


def enter_for_context(shop_id: int) -> None:
    """Sets the shop of the running web request; the request's own context variable context ends with it."""
    _shop.set(shop_id)


def leave_context() -> None:
    """Ends what ``enter_for_context`` began: a thread of the web server serves other shops next."""
    _shop.set(None)
    _every_shop.set(False)


def install(session: Any) -> None:
    """Puts the guard on a session factory (``db.session``); called once by ``create_app``."""
    target = session.session_factory.class_ if hasattr(session, "session_factory") else session
    if not event.contains(target, "do_orm_execute", _scope_statement):
        event.listen(target, "do_orm_execute", _scope_statement)
        event.listen(target, "before_flush", _check_rows)


_SHOP_ID = sa.bindparam("scope_shop_id", callable_=current_shop_id, type_=BigId)
#: The rows of the active shop alone. The shop is asked for when a statement runs, not when it is built.
_SCOPED = with_loader_criteria(
    ShopOwned, lambda cls: cls.shop_id == _SHOP_ID, include_aliases=True, track_closure_variables=False
)
_IS_SCOPED = "loket_is_scoped"


def scoped(statement: Statement) -> Statement:
    """A statement with the guard's condition on it already, for those that are built once.

    It runs in the scope of a shop only, not in ``every_shop()``.
    """
    return statement.options(_SCOPED).execution_options(**{_IS_SCOPED: True})


def _scope_statement(state: ORMExecuteState) -> None:
    if _every_shop.get():
        return
    if not state.is_orm_statement:
        raise Refused(type(state.statement).__name__, "use the ORM, or every_shop() in a sweep")
    if state.is_insert:
        raise Refused("insert()", "use session.add(), which stamps and checks the shop")
    if state.is_update and isinstance(state.parameters, list | tuple):
        raise Refused("an update by a list of dictionaries", "update each object, or use update().where()")
    shop_id = _shop.get()
    if shop_id is None:
        if next(_shop_tables(state.statement), None) is not None:
            raise NoShop("a query on a shop's table needs shop_scope(shop_id)")
        return
    if state.is_column_load or state.is_relationship_load:
        # A refresh by primary key of a row this session already holds, or a relationship of one: the
        # criteria of the first load travel with relationship loads, and a row cannot change its shop.
        return
    if not state.execution_options.get(_IS_SCOPED):
        state.statement = state.statement.options(_SCOPED)


def _shop_tables(statement: Any) -> Iterator[sa.Table]:
    for element in visitors.iterate(statement):
        table = element.table if isinstance(element, sa.Column) else element
        if isinstance(table, sa.Table) and "shop_id" in table.c and table.name not in UNOWNED:
            yield table


#: Tables that carry a shop and are read before one is known: how a host finds its shop.
UNOWNED: set[str] = {"shop_domains"}


def _check_rows(session: Session, context: Any, instances: Any) -> None:
    every = _every_shop.get()
    for row in session.new:
        if isinstance(row, ShopOwned):
            given: int | None = row.shop_id
            row.shop_id = current_shop_id() if given is None else given
    if every:
        return
    for row in (*session.new, *session.dirty, *session.deleted):
        if isinstance(row, ShopOwned) and row.shop_id != current_shop_id():
            raise NoShop(f"a {type(row).__name__} of another shop is in this session")


def owned_models() -> list[type[Any]]:
    """Every model whose rows belong to a shop."""
    return [m.class_ for m in Base.registry.mappers if issubclass(m.class_, ShopOwned)]
