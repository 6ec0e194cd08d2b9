"""A sender of webhooks: the library's own signer."""

import base64
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from standardwebhooks import Webhook


def secret(name: str) -> str:
    """A secret for tests, always the same for one name."""
    return "whsec_" + base64.b64encode(sha256(name.encode()).digest()).decode()


def signed(body: bytes, *secrets: str, webhook_id: str = "msg_1", age: float = 0) -> dict[str, str]:
    """The headers of a webhook, with a signature by each of `secrets`.

    Args:
        age: seconds since it was signed; negative in the future.
    """
    moment = datetime.now(UTC) - timedelta(seconds=age)
    signatures = [Webhook(each).sign(webhook_id, moment, body.decode()) for each in secrets]
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
