"""AWS through boto3, and the gateway through HTTP: what `Deployment` holds in a real run."""

import urllib.error
import urllib.request
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from ops.deploy.errors import DeployError
from ops.deploy.kept import TaggingClient
from ops.deploy.names import Account
from ops.deploy.there import AnyClient

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

CONFIG = Config(connect_timeout=10, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 6})
ANSWER_SECONDS = 35.0  # an HTTP API answers within 30


class Clients:
    """Clients of one session, made when they are first used.

    Args:
        endpoints: endpoint by stack for CloudFormation, for an engine that cannot take every stack.
    """

    def __init__(
        self, session: boto3.Session, endpoint: str | None = None, endpoints: Mapping[str, str] | None = None
    ) -> None:
        if session.region_name is None:
            raise DeployError("no AWS region: set AWS_REGION, or a region in the profile")
        self._session = session
        self._endpoint = endpoint
        self._endpoints = endpoints or {}
        self._stacks: dict[str | None, CloudFormationClient] = {}

    def cloudformation(self, stack: str) -> "CloudFormationClient":
        """The client for this stack."""
        endpoint = self._endpoints.get(stack, self._endpoint)
        if endpoint not in self._stacks:
            self._stacks[endpoint] = self._session.client("cloudformation", endpoint_url=endpoint, config=CONFIG)
        return self._stacks[endpoint]

    def account(self) -> Account:
        """Whose credentials these are."""
        return self._account

    @cached_property
    def _account(self) -> Account:
        identity = self._session.client("sts", endpoint_url=self._endpoint, config=CONFIG).get_caller_identity()
        return Account(identity["Account"], self._session.region_name, identity["Arn"].split(":")[1])

    @cached_property
    def ecr(self) -> "ECRClient":
        return self._session.client("ecr", endpoint_url=self._endpoint, config=CONFIG)

    @cached_property
    def secretsmanager(self) -> "SecretsManagerClient":
        return self._session.client("secretsmanager", endpoint_url=self._endpoint, config=CONFIG)

    @cached_property
    def sqs(self) -> "SQSClient":
        return self._session.client("sqs", endpoint_url=self._endpoint, config=CONFIG)

    @cached_property
    def s3(self) -> "S3Client":
        return self._session.client("s3", endpoint_url=self._endpoint, config=CONFIG)

    @cached_property
    def kinesis(self) -> "KinesisClient":
        return self._session.client("kinesis", endpoint_url=self._endpoint, config=CONFIG)

    @cached_property
    def logs(self) -> "CloudWatchLogsClient":
        return self._session.client("logs", endpoint_url=self._endpoint, config=CONFIG)

    @cached_property
    def kms(self) -> "KMSClient":
        return self._session.client("kms", endpoint_url=self._endpoint, config=CONFIG)

    @cached_property
    def iam(self) -> "IAMClient":
        return self._session.client("iam", endpoint_url=self._endpoint, config=CONFIG)

    @cached_property
    def tagging(self) -> TaggingClient:
        client: TaggingClient = self.client("resourcegroupstaggingapi")
        return client

    def client(self, service: str) -> AnyClient:
        """A new client of any service."""
        session: Any = self._session
        return session.client(service, endpoint_url=self._endpoint, config=CONFIG)


class UrllibHttp:
    """Posts with the standard library."""

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Status and body; status 0 and the cause when there was no answer."""
        request = urllib.request.Request(url, body, dict(headers), method="POST")  # noqa: S310 - the stack's own output
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError as error:
            return 0, str(getattr(error, "reason", error)).encode()
