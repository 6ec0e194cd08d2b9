"""The sinks of a gateway on AWS. Credentials, endpoints and regions are the AWS SDK's to find."""

import time

import boto3

from app.gateway import Sinks
from app.settings import Settings
from app.sinks.aws import client_config
from app.sinks.breaker import Breaker
from app.sinks.error_bucket import ErrorBucketSink
from app.sinks.kinesis import KinesisSink
from app.sinks.spilling import SpillingSink


def aws_sinks(settings: Settings, session: boto3.Session) -> Sinks:
    """Sinks that make their clients when they are opened."""
    config = client_config(settings.aws_region, settings.sink_connections)
    stream = KinesisSink(
        lambda: session.client("kinesis", config=config), settings.stream_name, settings.sink_connections
    )
    error_bucket = ErrorBucketSink(
        lambda: session.client("s3", config=config), settings.error_bucket, settings.sink_connections
    )
    breaker = Breaker(time.monotonic)
    return Sinks(SpillingSink(stream, error_bucket.spill, breaker), error_bucket, breaker)
