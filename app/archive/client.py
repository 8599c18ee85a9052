"""Client: questions and batches for ClickHouse, the same for a server and for the child.

Calls block; `Archive` makes them in threads of its own.
"""

from __future__ import annotations

import logging
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver import Client as Driver
from clickhouse_connect.driver.exceptions import ClickHouseError

from app.archive.batches import Batch
from app.archive.limits import REQUEST_S_MAX
from app.archive.tables import TABLES, definition

# What fails is told once, by whoever called.
for _name in ("clickhouse_connect", "urllib3.connectionpool"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

USER = DATABASE = "kimp"
PORTS = {"http": 8123, "https": 8443}


class Unavailable(Exception):
    """The engine does not answer, or answers with an error. Its text is for people."""


class Address(NamedTuple):
    """Where it answers: a server's URL, or the child's port and password."""

    url: str | None = None
    port: int = 0
    password: str = ""


class Client:
    """Rows go in as they are encoded; answers come as columns."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    @classmethod
    def connect(cls, address: Address) -> Client:
        """Makes the tables where there are none. Raises Unavailable."""
        options: dict[str, Any] = {
            "autogenerate_session_id": False,  # one would allow a single query at a time
            "query_limit": 0,
            "send_receive_timeout": REQUEST_S_MAX,
            "compress": address.url is not None,
        }
        try:
            driver = _driver(address, options)
            for name in TABLES:
                driver.command(definition(name))
        except (ClickHouseError, OSError) as error:
            raise Unavailable(_said(error)) from error
        return cls(driver)

    def insert(self, batch: Batch) -> None:
        """Raises Unavailable."""
        try:
            self._driver.raw_insert(batch.table, batch.columns, batch.block, fmt="Native")
        except (ClickHouseError, OSError) as error:
            raise Unavailable(_said(error)) from error

    def columns(self, sql: str, parameters: dict[str, Any] | None = None) -> list[Any]:
        """The answer's columns; none where it has no row. Raises Unavailable."""
        try:
            return list(self._driver.query(sql, parameters=parameters).result_columns)
        except (ClickHouseError, OSError) as error:
            raise Unavailable(_said(error)) from error

    def command(self, sql: str) -> None:
        """Raises Unavailable."""
        try:
            self._driver.command(sql)
        except (ClickHouseError, OSError) as error:
            raise Unavailable(_said(error)) from error

    def close(self) -> None:
        self._driver.close()


def _driver(address: Address, options: dict[str, Any]) -> Driver:
    """A server's URL that names no database means `kimp`, made where it does not exist."""
    if address.url is None:
        child = f"http://{USER}:{address.password}@127.0.0.1:{address.port}/{DATABASE}"
        return _driver(Address(child), options)
    parts = urlsplit(address.url)
    options |= {
        "host": parts.hostname,
        "port": parts.port or PORTS[parts.scheme],
        "interface": parts.scheme,
        "username": unquote(parts.username or "default"),
        "password": unquote(parts.password or ""),
    }
    database = parts.path.strip("/")
    if not database:
        database = DATABASE
        first = clickhouse_connect.get_client(**options)
        first.command(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
        first.close()
    return clickhouse_connect.get_client(database=database, **options)


def _said(error: Exception) -> str:
    """One line; addresses with their passwords are not in it."""
    return str(error).split("(for url", 1)[0].strip().splitlines()[0][:300]
