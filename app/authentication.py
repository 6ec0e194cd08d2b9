"""Who sends: credentials → source."""

from collections.abc import Sequence
from hashlib import sha256

from app.api_keys import ApiKeys
from app.exceptions import Unauthorized
from app.settings import AuthMode

ANONYMOUS = "anonymous"


class Authenticator:
    """Asks `api_keys` for the source of a key, by the key's hash only."""

    def __init__(self, mode: AuthMode, api_keys: ApiKeys) -> None:
        self._mode = mode
        self._api_keys = api_keys

    async def identify(self, authorization: Sequence[str], x_api_key: Sequence[str]) -> str:
        """The source that the two headers' values name; `anonymous` without authentication.

        Raises:
            Unauthorized: no key, an unknown one, or keys that differ.
            KeysUnavailable: one key, but the gateway knows none yet.
        """
        if self._mode is AuthMode.NONE:
            return ANONYMOUS
        digest = sha256(_only_key(authorization, x_api_key).encode()).digest()
        source = await self._api_keys.source_of(digest)
        if source is None:
            raise Unauthorized("The key is not known here: check it, or ask for a new one.")
        return source


def _only_key(authorization: Sequence[str], x_api_key: Sequence[str]) -> str:
    keys = {*map(_bearer_token, authorization), *x_api_key}
    if not keys:
        raise Unauthorized("Send your key as Authorization: Bearer KEY or X-Api-Key: KEY.")
    if len(keys) > 1:
        raise Unauthorized("The request carries two different keys: send one.")
    return keys.pop()


def _bearer_token(header: str) -> str:
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("The Authorization header is not Bearer KEY.")
    return token.strip()
