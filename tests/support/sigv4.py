"""Checks a request's AWS signature as its receiver does, from the bytes that came.

Source: AWS IAM User Guide, "Create a signed AWS API request". For services whose path is not normalized twice or at all
(Kinesis' is always "/").
"""

import hashlib
import hmac
import re

from tests.support.http_wire import Request

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^/]+/(?P<scope>(?P<day>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request), "
    r"SignedHeaders=(?P<names>[a-z0-9;-]+), Signature=(?P<signature>[0-9a-f]{64})"
)


def is_signed_with(request: Request, secret: str) -> bool:
    """Whether the signature is that of this request by the owner of `secret`."""
    found = _AUTHORIZATION.fullmatch(request.header("authorization"))
    if found is None:
        return False
    path, _, query = request.target.partition("?")
    names = found["names"].split(";")
    canonical = "\n".join(
        [
            request.method,
            path,
            query,
            *(f"{name}:{' '.join(request.header(name).split())}" for name in names),
            "",
            found["names"],
            hashlib.sha256(request.body).hexdigest(),
        ]
    )
    to_sign = "\n".join(
        [
            "AWS4-HMAC-SHA256",
            request.header("x-amz-date"),
            found["scope"],
            hashlib.sha256(canonical.encode()).hexdigest(),
        ]
    )
    key = f"AWS4{secret}".encode()
    for part in (found["day"], found["region"], found["service"], "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.compare_digest(hmac.digest(key, to_sign.encode(), "sha256").hex(), found["signature"])
