"""A Snowflake session for the rehearsal: the embedded Snowflake, and a model of what it cannot run.

In the model: roles, warehouses and databases (whether they exist), integrations (with a user and an external id that
AWS's roles must trust), the pipe (its definition, its queue), SYSTEM$VALIDATE_STORAGE_INTEGRATION (whether the role in
the engine trusts the integration's user; the first answer is a no, since IAM takes a while). Grants, alerts and the
views on load history are taken as given, except that whoever a grant is for must exist. Everything else goes to
fakesnow.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from local_pipeline.warehouse import is_skipped
from ops.deploy.errors import SnowflakeError
from ops.deploy.surroundings import SnowflakeSession

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

BUILT_IN_ROLES = ("ACCOUNTADMIN", "SYSADMIN", "USERADMIN", "SECURITYADMIN", "PUBLIC")
USER_ARN = "arn:aws:iam::999999999999:user/snowflake-rehearsal"
Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Integration:
    """What an integration says of itself."""

    kind: str
    role_arn: str
    external_id: str


@dataclass(frozen=True, slots=True)
class Pipe:
    """What SHOW PIPES tells."""

    name: str
    statement: str
    queue_arn: str
    comment: str

    def row(self) -> dict[str, Any]:
        """Columns by lower-case name."""
        database, schema, name = self.name.upper().split(".")
        return {
            "database_name": database,
            "schema_name": schema,
            "name": name,
            "definition": self.statement[self.statement.index("COPY INTO") :],
            "comment": self.comment,
            "error_integration": _option(self.statement, "ERROR_INTEGRATION"),
            "notification_channel": self.queue_arn,
        }


@dataclass
class Account:
    """What the model remembers from session to session."""

    roles: set[str] = field(default_factory=lambda: set(BUILT_IN_ROLES))
    warehouses: set[str] = field(default_factory=set)
    databases: set[str] = field(default_factory=set)
    integrations: dict[str, Integration] = field(default_factory=dict)
    pipe: Pipe | None = None
    asked_for_trust: int = 0

    def left(self) -> list[str]:
        """What is there that a new account does not have."""
        names = [f"role {name}" for name in sorted(self.roles.difference(BUILT_IN_ROLES))]
        names += [f"warehouse {name}" for name in sorted(self.warehouses)]
        names += [f"database {name}" for name in sorted(self.databases)]
        names += [f"integration {name}" for name in self.integrations]
        return names + ([f"pipe {self.pipe.name}"] if self.pipe else [])


class RehearsedSnowflake:
    """One session.

    Args:
        embedded: runs what is not modelled.
        iam: of the engine.
        on_pipe: makes the queue that the pipe listens to and starts the stand-in; the queue's ARN.
        on_drop: ends both, before the database goes.
    """

    def __init__(
        self,
        account: Account,
        embedded: SnowflakeSession,
        iam: "IAMClient",
        on_pipe: Callable[[], str],
        on_drop: Callable[[], None],
    ) -> None:
        self._account = account
        self._embedded = embedded
        self._iam = iam
        self._on_pipe = on_pipe
        self._on_drop = on_drop
        self._modelled: tuple[tuple[str, Callable[[re.Match[str], str], Rows]], ...] = (
            (r"CREATE ROLE IF NOT EXISTS (\w+)", self._create_role),
            (r"CREATE DATABASE IF NOT EXISTS (\w+)", self._create_database),
            (r"CREATE WAREHOUSE IF NOT EXISTS (\w+)", self._create_warehouse),
            (r"CREATE (STORAGE|NOTIFICATION) INTEGRATION IF NOT EXISTS (\w+)", self._create_integration),
            (r"CREATE PIPE IF NOT EXISTS ([\w.]+)", self._create_pipe),
            (r"USE ROLE (\w+)", self._use_role),
            (r"USE WAREHOUSE (\w+)", self._use_warehouse),
            (r"DESC INTEGRATION (\w+)", self._desc_integration),
            (r"SELECT SYSTEM\$VALIDATE_STORAGE_INTEGRATION\('(\w+)'", self._validate),
            (r"SELECT SYSTEM\$PIPE_STATUS", self._pipe_status),
            (r"SHOW PIPES LIKE", self._show_pipes),
            (r"ALTER PIPE ([\w.]+) REFRESH", self._refresh),
            (r"ALTER PIPE ([\w.]+) SET COMMENT = '([^']*)'", self._comment_on_pipe),
            (r"DROP (ROLE|WAREHOUSE|INTEGRATION) IF EXISTS (\w+)", self._drop),
            (r"DROP DATABASE IF EXISTS (\w+)", self._drop_database),
            (r"GRANT .* TO ROLE (\w+)", self._use_role),
        )

    def execute(self, sql: str) -> Rows:
        """Rows by lower-case column name."""
        words = " ".join(sql.split())
        for pattern, answer in self._modelled:
            if match := re.match(pattern, words, re.IGNORECASE):
                return answer(match, sql)
        return [] if is_skipped(sql) else self._embedded.execute(sql)

    def close(self) -> None:
        """End the session."""
        self._embedded.close()

    def _create_role(self, match: re.Match[str], _: str) -> Rows:
        self._account.roles.add(match[1])
        return []

    def _create_database(self, match: re.Match[str], sql: str) -> Rows:
        self._account.databases.add(match[1])
        return self._embedded.execute(sql)

    def _create_warehouse(self, match: re.Match[str], _: str) -> Rows:
        self._account.warehouses.add(match[1])
        return []

    def _create_integration(self, match: re.Match[str], sql: str) -> Rows:
        kind, name = match[1].upper(), match[2]
        option = "STORAGE_AWS_ROLE_ARN" if kind == "STORAGE" else "AWS_SNS_ROLE_ARN"
        role_arn = _option(sql, option).strip("'")
        self._account.integrations.setdefault(name, Integration(kind, role_arn, f"SLUICE_{kind}=2_rehearsal="))
        return []

    def _create_pipe(self, match: re.Match[str], sql: str) -> Rows:
        if self._account.pipe is None:
            self._account.pipe = Pipe(match[1], sql, self._on_pipe(), _option(sql, "COMMENT").strip("'"))
        return []

    def _use_role(self, match: re.Match[str], _: str) -> Rows:
        return self._exists(match[1], self._account.roles)

    def _use_warehouse(self, match: re.Match[str], _: str) -> Rows:
        return self._exists(match[1], self._account.warehouses)

    def _exists(self, name: str, among: set[str]) -> Rows:
        if name not in among:
            raise SnowflakeError(f"Object '{name}' does not exist or not authorized")
        return []

    def _integration(self, name: str) -> Integration:
        self._exists(name, set(self._account.integrations))
        return self._account.integrations[name]

    def _desc_integration(self, match: re.Match[str], _: str) -> Rows:
        integration = self._integration(match[1])
        prefix = "STORAGE_AWS" if integration.kind == "STORAGE" else "SF_AWS"
        described = {f"{prefix}_IAM_USER_ARN": USER_ARN, f"{prefix}_EXTERNAL_ID": integration.external_id}
        return [{"property": name, "property_value": value} for name, value in described.items()]

    def _validate(self, match: re.Match[str], _: str) -> Rows:
        integration = self._integration(match[1])
        self._account.asked_for_trust += 1
        trusted = self._account.asked_for_trust > 1 and self._is_trusted(integration)
        answer = {"status": "success"} if trusted else {"status": "failure", "message": "Error assuming AWS_ROLE"}
        return [{"validated": json.dumps(answer)}]

    def _is_trusted(self, integration: Integration) -> bool:
        try:
            role = self._iam.get_role(RoleName=integration.role_arn.rpartition("/")[2])["Role"]
        except ClientError:
            return False
        policy: Any = role["AssumeRolePolicyDocument"]
        statements = (json.loads(policy) if isinstance(policy, str) else policy)["Statement"]
        return any(
            statement["Principal"] == {"AWS": USER_ARN}
            and statement["Condition"] == {"StringEquals": {"sts:ExternalId": integration.external_id}}
            for statement in statements
        )

    def _pipe_status(self, _match: re.Match[str], _: str) -> Rows:
        return [{"status": json.dumps({"executionState": "RUNNING", "pendingFileCount": 0})}]

    def _show_pipes(self, _match: re.Match[str], _: str) -> Rows:
        return [self._account.pipe.row()] if self._account.pipe else []

    def _refresh(self, match: re.Match[str], _: str) -> Rows:
        """Nothing: the stand-in looks for files when it starts."""
        return self._exists(match[1], {self._account.pipe.name} if self._account.pipe else set())

    def _comment_on_pipe(self, match: re.Match[str], _: str) -> Rows:
        self._refresh(match, _)
        assert self._account.pipe is not None  # noqa: S101 - or it was refused
        self._account.pipe = replace(self._account.pipe, comment=match[2])
        return []

    def _drop(self, match: re.Match[str], _: str) -> Rows:
        kind, name = match[1].upper(), match[2]
        if kind == "ROLE":
            self._account.roles.discard(name)
        elif kind == "WAREHOUSE":
            self._account.warehouses.discard(name)
        else:
            self._account.integrations.pop(name, None)
        return []

    def _drop_database(self, match: re.Match[str], _: str) -> Rows:
        if self._account.pipe:
            self._on_drop()
            self._account.pipe = None
        if match[1] in self._account.databases:
            self._account.databases.remove(match[1])
            for schema in schemas(self._embedded, match[1]):  # fakesnow can drop these and no database
                self._embedded.execute(f"DROP SCHEMA {match[1]}.{schema} CASCADE")
        return []


def schemas(embedded: SnowflakeSession, database: str) -> list[str]:
    """Of a database, without the one that every database has."""
    names = [str(row["name"]) for row in embedded.execute(f"SHOW SCHEMAS IN DATABASE {database}")]
    return [name for name in names if name.upper() != "INFORMATION_SCHEMA"]


def _option(statement: str, name: str) -> str:
    found = re.search(rf"\b{name}\s*=\s*('[^']*'|\w+)", statement)
    if found is None:
        raise SnowflakeError(f"{' '.join(statement.split()[:6])} has no {name}")
    return found[1]
