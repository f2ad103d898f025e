"""How a migration runs: one transaction for all of it, foreign keys checked at the end, on SQLite and PostgreSQL.

SQLite rebuilds a table to alter it; with foreign keys on, dropping the old table empties its children. So they are off
while it runs, and every key is checked before the commit.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import context
from flask import current_app
from sqlalchemy.types import TypeEngine

from portal.core.packages import Package
from portal.core.tables import Base, Scaled4, UTCDateTime


def run_migrations() -> None:
    """Runs what alembic was asked for on the application's database."""
    engine: sa.Engine = current_app.extensions["migrate"].db.engine
    connectable = sa.create_engine(engine.url, poolclass=sa.pool.NullPool)
    sqlite = connectable.dialect.name == "sqlite"
    if sqlite:
        sa.event.listen(connectable, "connect", _autocommit)
    with connectable.connect() as connection:
        if sqlite:
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            version_table=context.config.attributes.get("version_table", "alembic_version"),
            render_as_batch=True,
            compare_type=True,
            transactional_ddl=not sqlite,
            include_object=_ours,
            render_item=_render,
        )
        try:
            with context.begin_transaction():
                context.run_migrations()
            if sqlite:
                _check_keys(connection)
                connection.exec_driver_sql("COMMIT")
            connection.commit()
        except BaseException:
            if sqlite and connection.connection.dbapi_connection.in_transaction:  # type: ignore[union-attr]
                connection.exec_driver_sql("ROLLBACK")
            raise


def _autocommit(connection: Any, record: Any) -> None:
    connection.isolation_level = None


def _check_keys(connection: sa.Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(5)
    if broken:
        raise RuntimeError(f"the migration would leave rows without their parent: {broken}")


def _ours(item: Any, name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:
    """The tables of the history that runs: the portal's, or one package's, never each other's."""
    if kind != "table":
        return True
    tables: set[str] | None = context.config.attributes.get("tables")
    if tables is None:
        tables = {table.name for table in Package("Loket", "portal").tables()}
    # A table that no model knows is of a package that is not here now.
    return name in tables and not (reflected and compare_to is None)


def _render(kind: str, item: Any, autogen: Any) -> str | bool:
    """Writes our column types as what they are in the database, so that a migration never changes with the code."""
    if kind == "type" and isinstance(item, TypeEngine):
        if isinstance(item, UTCDateTime):
            return "sa.DateTime(timezone=True)"
        if isinstance(item, Scaled4):
            return "sa.BigInteger()"
        if isinstance(item, sa.Enum):
            return f"sa.String(length={item.length})"
        if isinstance(item, sa.BigInteger) and item._variant_mapping:
            return 'sa.BigInteger().with_variant(sa.Integer(), "sqlite")'
    return False


run_migrations()
