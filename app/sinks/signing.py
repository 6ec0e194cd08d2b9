"""Signing calls with botocore, without working out for each what is the same for all calls of a second."""

import hmac
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from hashlib import sha256

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials


class Signer:
    """Signs calls to one endpoint (Signature Version 4, whose time is in whole seconds).

    Args:
        clock: seconds since the epoch.
    """

    def __init__(self, service: str, region: str, url: str, clock: Callable[[], float] = time.time) -> None:
        self._service = service
        self._region = region
        self._url = url
        self._clock = clock
        # Who calls does not matter: the host is in what is signed, and it has to be what is sent.
        unsigned = SigV4Auth(ReadOnlyCredentials("", "", None), service, region)
        self._host = str(unsigned.headers_to_sign(AWSRequest("POST", url))["host"])
        self._last: tuple[object, _Signature] | None = None

    def signed(self, credentials: ReadOnlyCredentials, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        """Headers of a POST of `body`: `headers`, a Host, and those that sign it."""
        common = int(self._clock()), credentials, tuple(headers.items())
        if self._last is None or self._last[0] != common:
            request = AWSRequest("POST", self._url, {**headers, "Host": self._host}, b"")
            self._last = common, _Signature(credentials, self._service, self._region, request)
        return self._last[1].headers(body)


class _Signature(SigV4Auth):
    """Of calls that differ in their bodies only: botocore signs an empty one, and of that what the body changes is done
    again for each."""

    def __init__(self, credentials: ReadOnlyCredentials, service: str, region: str, request: AWSRequest) -> None:
        super().__init__(credentials, service, region)
        self._scope = region, service
        self._request = request
        self.add_auth(request)
        self._headers = dict(request.headers.items())
        self._before_signature = self._headers["Authorization"].rpartition("=")[0] + "="

    def headers(self, body: bytes) -> dict[str, str]:
        """All that a call has."""
        to_sign = self.string_to_sign(self._request, self._before_hash + sha256(body).hexdigest())
        return {**self._headers, "Authorization": self._before_signature + self.signature(to_sign, self._request)}

    def canonical_request(self, request: AWSRequest) -> str:
        """As botocore has it; the body's hash is its last line."""
        found = super().canonical_request(request)
        self._before_hash = found[: found.rindex("\n") + 1]
        return found

    def signature(self, string_to_sign: str, request: AWSRequest) -> str:  # noqa: ARG002  of its one request
        """As botocore has it, with a key that is derived once."""
        return hmac.digest(self._key, string_to_sign.encode(), "sha256").hex()

    @cached_property
    def _key(self) -> bytes:
        """AWS IAM User Guide, "Create a signed AWS API request"."""
        key = f"AWS4{self.credentials.secret_key}".encode()
        for part in (self._request.context["timestamp"][:8], *self._scope, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return key
