"""Who sends: credentials → source. Pure."""

import hmac
from collections.abc import Mapping, Sequence
from hashlib import sha256

from app.exceptions import Unauthorized
from app.settings import AuthMode

ANONYMOUS = "anonymous"


class Authenticator:
    """Knows the keys of every source, by their hashes only."""

    def __init__(self, mode: AuthMode, api_keys: Mapping[str, Sequence[str]]) -> None:
        self._mode = mode
        self._keys = [(bytes.fromhex(key_hash), source) for source, hashes in api_keys.items() for key_hash in hashes]

    def identify(self, authorization: Sequence[str], x_api_key: Sequence[str]) -> str:
        """The source that the two headers' values name; `anonymous` without authentication.

        Raises:
            Unauthorized: no key, an unknown one, or keys that differ.
        """
        if self._mode is AuthMode.NONE:
            return ANONYMOUS
        keys = {*map(_bearer_token, authorization), *x_api_key}
        if not keys:
            raise Unauthorized("Send your key as Authorization: Bearer KEY or X-Api-Key: KEY.")
        if len(keys) > 1:
            raise Unauthorized("The request carries two different keys: send one.")
        return self._source_of(keys.pop())

    def _source_of(self, key: str) -> str:
        digest = sha256(key.encode()).digest()
        sources = [source for known, source in self._keys if hmac.compare_digest(known, digest)]
        if not sources:
            raise Unauthorized("The key is not known here: check it, or ask for a new one.")
        return sources[0]


def _bearer_token(header: str) -> str:
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("The Authorization header is not Bearer KEY.")
    return token.strip()
