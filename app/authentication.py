"""Who sends: credentials → source."""

from collections.abc import Sequence
from hashlib import sha256

from app.api_keys import ApiKeys
from app.exceptions import Unauthorized
from app.settings import AuthMode
from app.webhooks import Signature, parse_signature

ANONYMOUS = "anonymous"
_NOT_SIGNED = "The webhook is not signed with a secret known here, or not within five minutes of now."


class Authenticator:
    """Asks `api_keys` for the source of a key, by the key's hash only, or of a webhook's signature."""

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

    async def signature(self, keys: Sequence[str], webhook: Sequence[Sequence[str]]) -> Signature | None:
        """The signature to verify, if the request is a webhook.

        Args:
            keys: values of the headers that carry an API key.
            webhook: values of each of the three webhook headers.

        Raises:
            Unauthorized: not a signature, a key besides it, or no source here sends webhooks.
            KeysUnavailable: the gateway does not know yet whether one does.
        """
        if self._mode is AuthMode.NONE:
            return None
        signature = parse_signature(webhook)
        if signature is None:
            return None
        if keys:
            raise Unauthorized("The request carries a key and a webhook's headers: send one or the other.")
        if not await self._api_keys.take_webhooks():
            raise Unauthorized(_NOT_SIGNED)
        return signature

    async def verify(self, signature: Signature, body: bytes) -> str:
        """The source that signed `body`, as it was received.

        Raises:
            Unauthorized: none did, or not within five minutes.
            KeysUnavailable: the secrets are not known yet.
        """
        try:
            source = await self._api_keys.signer_of(signature, body.decode())
        except UnicodeDecodeError:
            raise Unauthorized("A webhook's body is UTF-8 and not compressed.") from None
        if source is None:
            raise Unauthorized(_NOT_SIGNED)
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
