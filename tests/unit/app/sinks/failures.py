"""What a call to AWS can fail with."""

from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
    SSLError,
)

URL = "https://kinesis.eu-west-1.amazonaws.com"


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Operation")


PASSING: list[Exception] = [
    client_error("ProvisionedThroughputExceededException"),
    client_error("InternalFailure"),
    client_error("ServiceUnavailable"),
    client_error("ThrottlingException"),
    client_error("LimitExceededException"),
    client_error("KMSThrottlingException"),
    client_error("RequestTimeout"),
    client_error("SlowDown"),
    client_error("500"),
    client_error("something new"),
    EndpointConnectionError(endpoint_url=URL),
    ConnectTimeoutError(endpoint_url=URL),
    ReadTimeoutError(endpoint_url=URL),
    ConnectionClosedError(endpoint_url=URL),
    SSLError(endpoint_url=URL, error=OSError("handshake")),
    AttributeError("'list' object has no attribute 'get'"),  # botocore, of a 200 that is not AWS's
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
]
LASTING: list[Exception] = [
    client_error("ResourceNotFoundException"),
    client_error("AccessDeniedException"),
    client_error("AccessDenied"),
    client_error("ExpiredTokenException"),
    client_error("UnrecognizedClientException"),
    client_error("InvalidSignatureException"),
    client_error("ValidationException"),
    client_error("KMSAccessDeniedException"),
    client_error("NoSuchBucket"),
    NoCredentialsError(),
    ParamValidationError(report="Unknown parameter"),
]


def name_of(failure: Exception) -> str:
    return failure.response["Error"]["Code"] if isinstance(failure, ClientError) else type(failure).__name__
