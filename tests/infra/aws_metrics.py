"""The metrics that AWS services write and that alarms or dashboard use, copied from their documentation."""

from collections.abc import Mapping

METRICS: Mapping[str, Mapping[tuple[str, ...], frozenset[str]]] = {
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html (an HTTP API's are not a REST
    # API's: that one writes 5XXError by ApiName)
    "AWS/ApiGateway": {
        ("ApiId",): frozenset({"4xx", "5xx", "Count", "DataProcessed", "IntegrationLatency", "Latency"}),
    },
    # https://docs.aws.amazon.com/streams/latest/dev/monitoring-with-cloudwatch.html, "Basic stream-level metrics"
    "AWS/Kinesis": {
        ("StreamName",): frozenset(
            {
                "GetRecords.Bytes",
                "GetRecords.IteratorAgeMilliseconds",
                "GetRecords.Latency",
                "GetRecords.Records",
                "GetRecords.Success",
                "IncomingBytes",
                "IncomingRecords",
                "PutRecords.Bytes",
                "PutRecords.FailedRecords",
                "PutRecords.Latency",
                "PutRecords.Success",
                "PutRecords.SuccessfulRecords",
                "PutRecords.ThrottledRecords",
                "PutRecords.TotalRecords",
                "ReadProvisionedThroughputExceeded",
                "WriteProvisionedThroughputExceeded",
            }
        ),
    },
    # https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-metrics.html: delivery to Amazon S3,
    # and ingestion through Kinesis Data Streams
    "AWS/Firehose": {
        ("DeliveryStreamName",): frozenset(
            {
                "DataReadFromKinesisStream.Bytes",
                "DataReadFromKinesisStream.Records",
                "DeliveryToS3.Bytes",
                "DeliveryToS3.DataFreshness",
                "DeliveryToS3.Records",
                "DeliveryToS3.Success",
                "KinesisMillisBehindLatest",
                "ThrottledDescribeStream",
                "ThrottledGetRecords",
                "ThrottledGetShardIterator",
            }
        ),
    },
    # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    "AWS/Lambda": {
        ("FunctionName",): frozenset({"ConcurrentExecutions", "Duration", "Errors", "Invocations", "Throttles"}),
    },
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    "AWS/SQS": {
        ("QueueName",): frozenset(
            {
                "ApproximateAgeOfOldestMessage",
                "ApproximateNumberOfMessagesDelayed",
                "ApproximateNumberOfMessagesNotVisible",
                "ApproximateNumberOfMessagesVisible",
                "NumberOfMessagesDeleted",
                "NumberOfMessagesReceived",
                "NumberOfMessagesSent",
            }
        ),
    },
}
"""Names of metrics by namespace and by the set of dimensions, in its order, under which they can be looked up."""
