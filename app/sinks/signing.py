"""Signing calls as botocore does, without finding out for each what is the same for all."""

import hmac
from email.message import Message
from functools import lru_cache
from hashlib import sha256

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials


class Signer:
    """Signs calls to one endpoint (Signature Version 4)."""

    def __init__(self, service: str, region: str, url: str) -> None:
        self._service = service
        self._region = region
        self._url = url
        # Who calls does not matter: the host is in what is signed, and it has to be what is sent.
        unsigned = _Signature(ReadOnlyCredentials("", "", None), service, region)
        self._host = str(unsigned.headers_to_sign(AWSRequest("POST", url))["host"])

    def signed(self, credentials: ReadOnlyCredentials, headers: dict[str, str], body: bytes) -> dict[str, str]:
        """Headers of a POST of `body`: `headers`, a Host, and those that sign it."""
        request = AWSRequest("POST", self._url, {**headers, "Host": self._host}, body)
        _Signature(credentials, self._service, self._region).add_auth(request)
        return dict(request.headers.items())


class _Signature(SigV4Auth):
    """Of one call."""

    def __init__(self, credentials: ReadOnlyCredentials, service: str, region: str) -> None:
        super().__init__(credentials, service, region)
        self._of = region, service
        self._to_sign: Message | None = None

    def headers_to_sign(self, request: AWSRequest) -> Message:  # type: ignore[override]  # botocore's have this type
        """Found once: botocore asks twice."""
        if self._to_sign is None:
            self._to_sign = super().headers_to_sign(request)
        return self._to_sign

    def payload(self, request: AWSRequest) -> str:
        """Of the body as it is: botocore would prepare the whole request to come by it."""
        return sha256(request.data or b"").hexdigest()

    def signature(self, string_to_sign: str, request: AWSRequest) -> str:
        """With a key that is derived once a day."""
        key = _signing_key(self.credentials.secret_key, request.context["timestamp"][:8], *self._of)
        return hmac.digest(key, string_to_sign.encode(), "sha256").hex()


@lru_cache(maxsize=4)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    """The same all day (AWS IAM User Guide, "Create a signed AWS API request")."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
