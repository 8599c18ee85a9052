"""Columns: the types that are the same on SQLite, PostgreSQL, MySQL and MariaDB."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

NAME_CHARS = 255
HASH_CHARS = 64
PASSWORD_HASH_CHARS = 255
WORD_CHARS = 32
IP_CHARS = 64
AGENT_CHARS = 400
DETAIL_CHARS = 2_000
DECIMAL_CHARS = 64
NOTE_CHARS = 400

metadata = sa.MetaData()

# SQLite counts up rows only in a column spelled INTEGER; MySQL's TEXT ends at 64 KiB.
Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
LongText = sa.Text().with_variant(mysql.MEDIUMTEXT, "mysql", "mariadb")


class Json(sa.types.TypeDecorator[Any]):
    """A typed value as JSON text, the same on every database. NaN and infinity become null."""

    impl = LongText
    cache_ok = True

    def __init__(self, shape: Any) -> None:
        super().__init__()
        self.shape = shape

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:  # noqa: ARG002
        return None if value is None else msgspec.json.decode(value, type=self.shape)


class Word(sa.types.TypeDecorator[Any]):
    """A StrEnum as its word: readable in SQL, extended without a migration."""

    impl = sa.String(WORD_CHARS)
    cache_ok = True

    def __init__(self, words: type[StrEnum]) -> None:
        super().__init__()
        self.words = words

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:  # noqa: ARG002
        return None if value is None else self.words(value)


class Exact(sa.types.TypeDecorator[Decimal]):
    """A decimal as its text: no database's arithmetic ever touches it."""

    impl = sa.String(DECIMAL_CHARS)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else f"{value:f}"

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:  # noqa: ARG002
        return None if value is None else Decimal(value)


# Ids are never given twice, text compares by its bytes on every database.
TABLE_OPTIONS: dict[str, Any] = {
    "sqlite_autoincrement": True,
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}


def table(name: str, *items: sa.schema.SchemaItem) -> sa.Table:
    return sa.Table(name, metadata, *items, **TABLE_OPTIONS)
