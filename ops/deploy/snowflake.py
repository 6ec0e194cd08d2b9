"""A Snowflake session of the user's: through the connector, its connections.toml or SNOWFLAKE_ variables."""

import os
from collections.abc import Container, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ops.deploy.errors import SnowflakeError

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

# The connector's own arguments that may come from the environment; what is secret is never an argument of ours.
VARIABLES = (
    "ACCOUNT",
    "USER",
    "ROLE",
    "WAREHOUSE",
    "AUTHENTICATOR",
    "TOKEN",
    "PASSWORD",
    "PRIVATE_KEY_FILE",
    "PRIVATE_KEY_FILE_PWD",
    "WORKLOAD_IDENTITY_PROVIDER",
)
LOGIN_SECONDS = 60
ROWS_AT_A_TIME = 10_000


class ConnectorSession:
    """Statements over one connection."""

    def __init__(self, connection: "SnowflakeConnection") -> None:
        self._connection = connection

    def execute(self, sql: str) -> list[dict[str, Any]]:
        """Rows by lower-case column name.

        Raises:
            SnowflakeError: it was refused; with Snowflake's own message.
        """
        from snowflake.connector.errors import Error  # noqa: PLC0415 - takes about a second

        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql)
                names = [column.name.lower() for column in cursor.description or ()]
                return [dict(zip(names, row, strict=True)) for row in cursor.fetchall() if isinstance(row, tuple)]
        except Error as error:
            raise SnowflakeError(f"{_first_words(sql)}: {' '.join(str(error.msg or error).split())}") from error

    def select(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, fetched some at a time.

        Raises:
            SnowflakeError: as for `execute`.
        """
        from snowflake.connector.errors import Error  # noqa: PLC0415 - takes about a second

        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql)
                while rows := cursor.fetchmany(ROWS_AT_A_TIME):
                    yield from (row for row in rows if isinstance(row, tuple))
        except Error as error:
            raise SnowflakeError(f"{_first_words(sql)}: {' '.join(str(error.msg or error).split())}") from error

    def close(self) -> None:
        """End the session."""
        self._connection.close()


def connect(stage: str, name: str | None, environment: Mapping[str, str] = os.environ) -> ConnectorSession:
    """Connect as the user.

    Which connection: `name` if it is given; else SNOWFLAKE_ACCOUNT and the like if that is set; else
    `sluice-<stage>` of connections.toml if it has one; else the connector's default.

    Raises:
        SnowflakeError: there is no such connection, or it is refused.
    """
    import snowflake.connector  # noqa: PLC0415 - takes about a second
    from snowflake.connector.errors import Error  # noqa: PLC0415

    try:
        return ConnectorSession(
            snowflake.connector.connect(**arguments(stage, name, environment, _named_connections()))
        )
    except (Error, OSError) as error:
        message = " ".join(str(getattr(error, "msg", None) or error).split())
        if "known ones are" in message:  # the connector names those of connections.toml
            message += ": write ~/.snowflake/connections.toml or set SNOWFLAKE_ACCOUNT (docs/deployment.md, 1)"
        raise SnowflakeError(f"no connection to Snowflake: {message}") from error


def connect_here(url: str) -> ConnectorSession:
    """Connect to the embedded Snowflake of a local pipeline, which takes any user.

    Raises:
        SnowflakeError: it does not answer.
    """
    import snowflake.connector  # noqa: PLC0415 - takes about a second
    from snowflake.connector.errors import Error  # noqa: PLC0415

    address = urlsplit(url)
    try:
        return ConnectorSession(
            snowflake.connector.connect(
                user="local",
                password="local",  # noqa: S106 - the server takes any
                account="local",
                host=address.hostname,
                port=address.port,
                protocol="http",
                login_timeout=LOGIN_SECONDS,
                session_parameters={"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False},
            )
        )
    except Error as error:
        raise SnowflakeError(f"no connection to the embedded Snowflake at {url}: {error.msg}") from error


def arguments(stage: str, name: str | None, environment: Mapping[str, str], known: Container[str]) -> dict[str, Any]:
    """What the connector is called with; pure."""
    common: dict[str, Any] = {"login_timeout": LOGIN_SECONDS}
    if name is None and environment.get("SNOWFLAKE_ACCOUNT"):
        given = {variable: environment.get(f"SNOWFLAKE_{variable}") for variable in VARIABLES}
        return common | {variable.lower(): value for variable, value in given.items() if value}
    own = f"sluice-{stage}"
    if chosen := name or (own if own in known else None):
        return common | {"connection_name": chosen}
    return {}  # the connector takes its default connection only if it is given nothing


def _named_connections() -> Container[str]:
    from snowflake.connector.config_manager import CONFIG_MANAGER  # noqa: PLC0415
    from snowflake.connector.errors import Error  # noqa: PLC0415

    try:
        found: Any = CONFIG_MANAGER["connections"]
        return tuple(found)
    except Error:  # there is no file
        return ()


def _first_words(sql: str) -> str:
    return " ".join(sql.split()[:5])
