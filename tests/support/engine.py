"""An embedded AWS engine for tests: ministack on a free port, everything it keeps below one folder."""

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import boto3
from botocore.config import Config

from local_pipeline.engine import REGION, Engine, wait_until_healthy
from tests.support.aws import free_port

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

T = TypeVar("T")
STOP_SECONDS = 30.0
IMAGE = f"000000000000.dkr.ecr.{REGION}.amazonaws.com/sluice@sha256:{'0' * 64}"


@dataclass
class RunningEngine:
    """An engine and clients for it, each made once: what polls would spend its time on making them."""

    engine: Engine
    log: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603
                self.engine.command,
                env=self.engine.environment,
                stdout=log,
                stderr=log,
            )
        process = self.process
        wait_until_healthy(self.engine.url, lambda: process.poll() is None, seconds=30)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    @cached_property
    def session(self) -> boto3.Session:
        return boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)

    @property
    def config(self) -> Config:
        return Config(connect_timeout=5, read_timeout=30)

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        return self.session.client("cloudformation", endpoint_url=self.engine.url, config=self.config)

    @cached_property
    def kinesis(self) -> "KinesisClient":
        return self.session.client("kinesis", endpoint_url=self.engine.url, config=self.config)

    @cached_property
    def s3(self) -> "S3Client":
        return self.session.client("s3", endpoint_url=self.engine.url, config=self.config)

    @cached_property
    def sqs(self) -> "SQSClient":
        return self.session.client("sqs", endpoint_url=self.engine.url, config=self.config)

    @cached_property
    def functions(self) -> "LambdaClient":
        return self.session.client("lambda", endpoint_url=self.engine.url, config=self.config)


@contextmanager
def running_engine(folder: Path, functions: Mapping[str, str] | None = None) -> Iterator[RunningEngine]:
    """A new engine whose state is below `folder`; ended with the block."""
    running = RunningEngine(Engine(free_port(), folder / "engine", functions or {}), folder / "engine.log")
    running.start()
    try:
        yield running
    finally:
        running.stop()


def eventually(look: Callable[[], T], seconds: float = 30, pause: float = 0.1) -> T:
    """The first true value that `look` returns; an AssertionError when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds} s; last seen: {found!r}"
        time.sleep(pause)
    return found
