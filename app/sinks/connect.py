"""The sinks of a gateway on AWS. Credentials, endpoints and regions are the AWS SDK's to find."""

import time
from typing import TYPE_CHECKING

from app.gateway import Sinks
from app.settings import Settings
from app.sinks.aws import AwsSession, client_config
from app.sinks.batching import Packing
from app.sinks.breaker import Breaker
from app.sinks.error_bucket import ErrorBucketSink
from app.sinks.kinesis import KinesisSink, Stream
from app.sinks.spilling import SpillingSink
from app.sinks.stream_in_threads import StreamInThreads

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient


def server_sinks(settings: Settings, session: AwsSession) -> Sinks:
    """Sinks of a server, which has many requests at a time. They make their clients when they are opened."""
    from app.sinks.stream_in_loop import StreamInLoop  # noqa: PLC0415 - has no place in Lambda's start

    config = client_config(settings.aws_region, connections=1)
    stream = StreamInLoop(
        lambda: session.client("kinesis", config),
        session.credentials,
        settings.stream_name,
        settings.stream_lanes,
    )
    return _sinks(settings, session, stream)


def lambda_sinks(settings: Settings, session: AwsSession) -> Sinks:
    """Sinks of a Lambda container, which has one request at a time and a start to hurry."""
    from app.warm_up import practise  # noqa: PLC0415 - a server has no need of it

    config = client_config(settings.aws_region, settings.sink_connections)

    def make_client() -> "KinesisClient":
        client: KinesisClient = session.client("kinesis", config)
        practise(client, settings.stream_name)
        return client

    stream = StreamInThreads(make_client, settings.stream_name, settings.stream_calls, settings.stream_lanes)
    return _sinks(settings, session, stream)


def _sinks(settings: Settings, session: AwsSession, stream: Stream) -> Sinks:
    config = client_config(settings.aws_region, settings.sink_connections)
    sink = KinesisSink(stream, calls=settings.stream_calls, packing=Packing(settings.stream_lanes, settings.packing))
    error_bucket = ErrorBucketSink(
        lambda: session.client("s3", config), settings.error_bucket, settings.sink_connections
    )
    breaker = Breaker(time.monotonic)
    return Sinks(SpillingSink(sink, error_bucket.spill, breaker), error_bucket, breaker)
