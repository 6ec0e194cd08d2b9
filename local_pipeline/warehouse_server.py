"""The server process of the embedded Snowflake: fakesnow's own HTTP server, with its database on disk."""

import argparse
import json
import logging
import sys
import warnings
from collections.abc import Awaitable, Callable, Sequence
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any

import duckdb
import uvicorn
from fakesnow.instance import FakeSnow
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from local_pipeline.home import Home
from local_pipeline.shipped_sql import DEFAULT_VARIABLES, SNOWFLAKE_DIRECTORY, ShippedSqlError
from local_pipeline.snowpipe.history import History
from local_pipeline.warehouse import DATABASE, apply_shipped_sql

SHUTDOWN_SECONDS = 1
QUERY_PATH = "/queries/v1/query-request"

RESULTS_KEPT = 100
RESULT_BYTES_KEPT = 16 * 2**20

Handler = Callable[[Request], Awaitable[Response]]


class LatestResults(dict[str, tuple[Any, ...]]):
    """The results that RESULT_SCAN can read: the latest. The embedded Snowflake would keep every one for ever.

    A result's first member is its table; those of statements are None, or a row.
    """

    def __init__(self, most_bytes: int = RESULT_BYTES_KEPT, most: int = RESULTS_KEPT) -> None:
        super().__init__()
        self._most_bytes, self._most = most_bytes, most
        self._bytes = 0
        self._turn = Lock()  # statements of several connections run in threads

    def __setitem__(self, query_id: str, result: tuple[Any, ...]) -> None:
        with self._turn:
            super().__setitem__(query_id, result)
            self._bytes += _size(result)
            while len(self) > 1 and (len(self) > self._most or self._bytes > self._most_bytes):
                self._bytes -= _size(self.pop(next(iter(self))))


def _size(result: tuple[Any, ...]) -> int:
    return int(getattr(result[0], "nbytes", 0))


def serve(port: int, db_path: Path, sql: Path | None) -> None:
    """Open the database in `db_path`, then answer on 127.0.0.1:`port` until SIGTERM or SIGINT.

    The shipped SQL in `sql` is run first; with None that is left to whoever connects. GET /health then answers 200.

    Raises:
        ShippedSqlError: the shipped SQL does not run.
        OSError: another server has the database's file open, or the directory cannot be made.
    """
    server: Any = import_module("fakesnow.server")  # the package has a function of the same name
    _quieten()
    db_path.mkdir(parents=True, exist_ok=True)
    database = FakeSnow(db_path=db_path)
    database.results_cache = LatestResults()
    if sql is not None:
        _set_up(database, sql)
    server.shared_fs = database
    app = Starlette(
        routes=[
            Route("/health", _health),
            Route(QUERY_PATH, _query(server.query_request), methods=["POST"]),
            *(route for route in server.routes if route.path != QUERY_PATH),
        ]
    )
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


def _set_up(database: FakeSnow, sql: Path) -> None:
    connection = database.connect()
    try:
        apply_shipped_sql(connection, sql, {**DEFAULT_VARIABLES, "database": DATABASE})
        History(connection).set_up()
    except duckdb.IOException as error:  # the database's file: another process has it open, or it is not one
        raise OSError(str(error).splitlines()[0]) from error
    finally:
        connection.close()


def _query(answer: Handler) -> Handler:
    """What the embedded Snowflake cannot do is an error of the statement: clients would try a status of 500 again."""

    async def handler(request: Request) -> Response:
        response = await answer(request)
        if response.status_code < 500:
            return response
        refused = json.loads(bytes(response.body))
        return JSONResponse({**refused, "message": "The embedded Snowflake failed", "data": {"sqlState": "XX000"}})

    return handler


async def _health(_: Request) -> PlainTextResponse:
    return PlainTextResponse("ok")


class _NoValues(logging.Filter):
    """Keeps what was asked and what kind of error it was; bound values and messages hold clients' records."""

    def filter(self, record: logging.LogRecord) -> bool:
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        record.msg = f"{kind} {str(record.msg).partition(' params=')[0][:300]}"
        record.exc_info = None
        record.args = ()
        return True


def _quieten() -> None:
    warnings.filterwarnings("ignore", category=UserWarning, module="fakesnow")
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    statements = logging.getLogger("fakesnow.server")
    statements.setLevel(logging.ERROR)
    statements.propagate = False
    statements.addFilter(_NoValues())


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT: `python -m local_pipeline.warehouse_server --port PORT --sql DIRECTORY`."""
    parser = argparse.ArgumentParser(prog="python -m local_pipeline.warehouse_server", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--sql", type=Path, default=SNOWFLAKE_DIRECTORY, help="directory of the numbered files")
    parser.add_argument(
        "--db-path", type=Path, help="directory of the database's file (default: warehouse/ in the home)"
    )
    parser.add_argument("--empty", action="store_true", help="run no SQL: whoever connects does")
    options = parser.parse_args(arguments)
    sql = None if options.empty else options.sql
    try:
        serve(options.port, options.db_path or Home.from_environment().path / "warehouse", sql)
    except (ShippedSqlError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
