"""A price list of round figures that nobody changes, so that a test can say its arithmetic."""

from math import inf

from ops.cost.price_list import Price, PriceList

USD = {
    "http_api_requests": (1.0, 1e6),
    "lambda_requests": (0.2, 1e6),
    "lambda_gb_seconds_x86_64": (0.00002, 1),
    "lambda_gb_seconds_arm64": (0.00001, 1),
    "kinesis_shard_hours": (0.02, 1),
    "kinesis_put_units": (0.01, 1e6),
    "kinesis_extended_shard_hours": (0.03, 1),
    "kinesis_stream_hours": (0.04, 1),
    "kinesis_gb_in": (0.08, 1),
    "kinesis_gb_out": (0.05, 1),
    "kinesis_extended_gb_months": (0.1, 1),
    "firehose_gb": (0.03, 1),
    "s3_puts": (0.005, 1000),
    "s3_gets": (0.0004, 1000),
    "s3_gb_months": (0.02, 1),
    "snowpipe_gb": (0.004, 1),
    "snowpipe_files_until_2025": (0.06, 1000),
    "snowflake_credit_standard": (2.0, 1),
    "snowflake_credit_enterprise": (3.0, 1),
    "snowflake_credit_business_critical": (4.0, 1),
    "logs_gb": (0.5, 1),
    "logs_gb_months": (0.03, 1),
    "metrics": (0.3, 1),
    "alarms": (0.1, 1),
    "dashboards": (3.0, 1),
    "kms_keys": (1.0, 1),
    "kms_requests": (0.03, 10_000),
    "secrets": (0.4, 1),
    "secret_requests": (0.05, 10_000),
    "transfer_out_gb": (0.09, 1),
}
ROUND = PriceList(
    "round",
    "Round figures",
    {key: Price("", per, ((inf, value),), "", "2026-11-23", "here") for key, (value, per) in USD.items()},
)
