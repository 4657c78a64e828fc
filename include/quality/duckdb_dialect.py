"""A minimal SQLAlchemy dialect for DuckDB that can read one table.

The package duckdb-engine does not work here: it closes a result when its connection returns to the pool,
before Great Expectations fetches it, and it cannot list the columns of a table under SQLAlchemy 2.1.
"""

from typing import TYPE_CHECKING, Any, cast

import duckdb
from sqlalchemy import types
from sqlalchemy.engine import URL
from sqlalchemy.engine.default import DefaultDialect, DefaultExecutionContext
from typing_extensions import override

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPICursor, ReflectedColumn


class TextTypedCursor:
    """Describes the types of a result as text, since SQLAlchemy would keep DuckDB's type objects forever."""

    def __init__(self, cursor: "DBAPICursor") -> None:
        self._cursor = cursor

    @property
    def description(self) -> list[tuple[Any, ...]] | None:
        columns = self._cursor.description
        return [(name, str(kind), *rest) for name, kind, *rest in columns] if columns else None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


class DuckDBContext(DefaultExecutionContext):
    @override
    def create_default_cursor(self) -> "DBAPICursor":
        return cast("DBAPICursor", TextTypedCursor(super().create_default_cursor()))


class DuckDBDialect(DefaultDialect):
    """DuckDB in autocommit mode: there is nothing to commit or roll back."""

    name = "duckdb"
    driver = "duckdb"
    supports_statement_cache = True
    supports_native_decimal = True
    execution_ctx_cls = DuckDBContext

    @classmethod
    @override
    def import_dbapi(cls) -> Any:
        return duckdb

    @override
    def create_connect_args(self, url: URL) -> tuple[list[str], dict[str, Any]]:
        return [url.database or ":memory:"], {}

    @override
    def do_rollback(self, dbapi_connection: Any) -> None:
        pass

    @override
    def do_commit(self, dbapi_connection: Any) -> None:
        pass

    @override
    def has_table(self, connection: Any, table_name: str, schema: str | None = None, **_: Any) -> bool:
        return bool(self._describe(connection, table_name))

    @override
    def get_columns(
        self, connection: Any, table_name: str, schema: str | None = None, **_: Any
    ) -> "list[ReflectedColumn]":
        """The names without types: SQLAlchemy has no exact equivalent of a type such as DECIMAL(18,4)."""
        return [
            {"name": name, "type": types.NullType(), "nullable": True, "default": None}
            for name in self._describe(connection, table_name)
        ]

    def _describe(self, connection: Any, table_name: str) -> list[str]:
        query = "SELECT column_name FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index"
        return [name for (name,) in connection.exec_driver_sql(query, (table_name,)).fetchall()]
