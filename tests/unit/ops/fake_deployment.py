"""What a deployment reaches the outside through, by hand: answers that a test writes, and what was asked."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ops.deploy.errors import SnowflakeError
from ops.deploy.names import Account
from ops.deploy.surroundings import Deployment, SnowflakeSession

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys"
STORAGE = {"LandingBucketName": "sluice-dev-landing", "LandingPrefix": "records/"}


@dataclass
class FakeClock:
    """Time that passes by sleeping only."""

    now: float = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float, /) -> None:
        self.now += seconds


@dataclass
class FakeSnowflake:
    """Answers by pattern, the first that fits; a statement that fits none has no rows.

    Attributes:
        answers: rows, or a function that makes them, by pattern.
        asked: every statement.
    """

    answers: Mapping[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def execute(self, sql: str) -> list[dict[str, Any]]:
        self.asked.append(sql)
        for pattern, answer in self.answers.items():
            if re.search(pattern, sql):
                rows: list[dict[str, Any]] = answer() if callable(answer) else answer
                return rows
        return []

    def close(self) -> None:
        pass


@dataclass
class FakeSecret:
    """Secrets Manager with one secret.

    Attributes:
        versions: the texts that were current, in order.
        meanwhile: what somebody else puts in their place right after each of the next reads.
    """

    versions: list[str]
    meanwhile: list[str] = field(default_factory=list)
    _labelled: dict[str, str] = field(default_factory=dict)

    def get_secret_value(self, *, SecretId: str, VersionStage: str) -> dict[str, str]:  # noqa: N803
        assert (SecretId, VersionStage) == (SECRET, "AWSCURRENT")
        found = {"SecretString": self.versions[-1], "VersionId": str(len(self.versions))}
        if self.meanwhile:
            self.versions.append(self.meanwhile.pop(0))
        return found

    def put_secret_value(self, **request: Any) -> None:
        assert request["SecretId"] == SECRET
        assert "AWSCURRENT" not in request["VersionStages"], "it would undo what others do at the same time"
        self._labelled[request["ClientRequestToken"]] = request["SecretString"]

    def update_secret_version_stage(self, **request: Any) -> None:
        assert request["SecretId"] == SECRET
        if "MoveToVersionId" not in request:
            del self._labelled[request["RemoveFromVersionId"]]
            return
        assert request["VersionStage"] == "AWSCURRENT"
        if request["RemoveFromVersionId"] != str(len(self.versions)):
            raise ClientError({"Error": {"Code": "InvalidParameterException"}}, "UpdateSecretVersionStage")
        self.versions.append(self._labelled[request["MoveToVersionId"]])


@dataclass
class FakeStack:
    """CloudFormation with one stack, which has one parameter: the queue that the bucket tells of its files."""

    queue: str

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803
        parameters = [{"ParameterKey": "SnowpipeQueueArn", "ParameterValue": self.queue}]
        return {"Stacks": [{"StackName": StackName, "StackStatus": "UPDATE_COMPLETE", "Parameters": parameters}]}


@dataclass
class FakeAws:
    """Only what was given."""

    secret: FakeSecret | None = None
    storage: FakeStack | None = None

    def cloudformation(self, stack: str) -> "CloudFormationClient":
        assert stack == "storage" and self.storage is not None, f"nobody asks for {stack} here"  # noqa: PT018
        client: Any = self.storage
        return client  # type: ignore[no-any-return]

    def account(self) -> Account:
        return Account("123456789012", "eu-west-1")

    @property
    def ecr(self) -> "ECRClient":
        raise AssertionError("nobody asks ECR here")

    @property
    def secretsmanager(self) -> "SecretsManagerClient":
        client: Any = self.secret
        return client  # type: ignore[no-any-return]

    @property
    def sqs(self) -> "SQSClient":
        raise AssertionError("nobody looks into a queue here")


@dataclass
class FakeHttp:
    """Answers in turn, the last one again and again."""

    answers: list[tuple[int, bytes]]
    requests: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        self.requests.append((url, headers, body))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@dataclass
class FakePerson:
    """Answers as told; remembers what it was asked."""

    agreed: bool = True
    typed: str = ""
    asked: list[str] = field(default_factory=list)

    def agrees(self, question: str) -> bool:
        self.asked.append(question)
        return self.agreed

    def types(self, subject: str, question: str, wanted: str) -> bool:
        self.asked.append(f"{subject}: {question}")
        return self.typed == wanted


def make_deployment(
    snowflake: SnowflakeSession | None = None,
    *,
    secret: FakeSecret | None = None,
    http: FakeHttp | None = None,
    said: list[str] | None = None,
    storage: FakeStack | None = None,
) -> Deployment:
    """A stage `dev` whose storage is deployed."""

    def connect() -> SnowflakeSession:
        if snowflake is None:
            raise SnowflakeError("no connection")
        return snowflake

    say: Callable[[str], None] = (said if said is not None else []).append
    return Deployment(
        stage="dev",
        parameters={},
        aws=FakeAws(secret, storage),
        connect=connect,
        http=http or FakeHttp([(202, b"{}")]),
        say=say,
        known=dict(STORAGE),
        clock=FakeClock(),
    )
