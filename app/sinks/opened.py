"""A connection that is there before a boto client's first call."""

import ssl
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSHTTPSConnection

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient


def open_connection(client: "KinesisClient") -> None:
    """Open one as a call of `client` would, and leave it to the next call. Nothing is sent. Behind a proxy none is
    opened.

    Raises:
        OSError, urllib3.exceptions.HTTPError: it could not be.
    """
    session: Any = client._endpoint.http_session  # type: ignore[attr-defined]  # noqa: SLF001  there is no other way
    url = client.meta.endpoint_url
    if session._proxy_config.proxy_url_for(url):  # noqa: SLF001
        return
    pool = session._manager.connection_from_url(url)  # noqa: SLF001
    session._setup_ssl_cert(pool, url, session._verify)  # noqa: SLF001
    if pool.scheme == "https":
        pool.ConnectionCls = _WithTickets
    connection = pool._get_conn()  # noqa: SLF001
    try:
        connection.connect()
    finally:
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
