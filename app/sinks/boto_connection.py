"""A connection that is there before a boto client's first call."""

import logging
import ssl
from threading import Thread
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSHTTPSConnection

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

logger = logging.getLogger(__name__)


def open_connection(client: "KinesisClient", url: str, seconds: float) -> None:
    """Open one to `url` as a call of `client` would, and leave it to the next call. Nothing is sent. None is opened
    through a proxy.

    Args:
        seconds: how long it is waited for, names looked up and all; what comes later is there for later calls.
    """
    opening = Thread(target=_open, args=(client, url), name="opening", daemon=True)
    opening.start()
    opening.join(seconds)


def _open(client: "KinesisClient", url: str) -> None:
    try:
        pool = _pool(client, url)
        if pool is not None:
            _add_connection(pool)
    except Exception:  # whatever it is, a call will meet it too
        logger.warning("a connection to the stream could not be opened ahead", exc_info=True)


def _pool(client: "KinesisClient", url: str) -> Any:  # noqa: ANN401  urllib3's own, as botocore sets it up
    session: Any = client._endpoint.http_session  # type: ignore[attr-defined]  # noqa: SLF001  there is no other way
    if session._proxy_config.proxy_url_for(url):  # noqa: SLF001
        return None
    pool = session._manager.connection_from_url(url)  # noqa: SLF001
    session._setup_ssl_cert(pool, url, session._verify)  # noqa: SLF001
    return pool


def _add_connection(pool: Any) -> None:  # noqa: ANN401  as above
    if pool.scheme == "https":
        pool.ConnectionCls = _WithTickets
    connection = pool._get_conn()  # noqa: SLF001
    try:
        connection.connect()
    except BaseException:
        connection.close()  # urllib3 would send over a connection whose TLS has failed, and in the clear
        raise
    pool._put_conn(connection)  # noqa: SLF001


class _WithTickets(AWSHTTPSConnection):
    """A server of TLS 1.3 sends session tickets behind the handshake; urllib3 takes a connection on which there is
    something to read, unasked, for one that has ended."""

    @property
    def is_connected(self) -> bool:
        """Whether a call may go over it."""
        if super().is_connected or self.sock is None:
            return self.sock is not None
        timeout = self.sock.gettimeout()
        self.sock.settimeout(0)
        try:
            self.sock.recv(1)
        except ssl.SSLWantReadError:  # there were tickets only, and they are read now
            return True
        except OSError:
            return False
        finally:
            self.sock.settimeout(timeout)
        return False
