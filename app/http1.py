"""HTTP/1.1 for uvicorn: httptools, and h11 for a request that offers to upgrade.

``uvicorn --http app.http1:Http1Protocol``. httptools takes such a request for another protocol and loses its body (see
docs/decisions/0006), and Java's client sends it with every request. So before anything of it is served, its connection
goes to h11, which ignores the offer (RFC 9110, 7.8), with the bytes that have come.
"""

from typing import Any

import httptools
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class _UpgradeOffered(Exception):
    """Raised inside the parser's callback: it stops there."""


class Http1Protocol(HttpToolsProtocol):
    """uvicorn's own protocol, but for requests that offer to upgrade."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:  # noqa: ANN401  uvicorn's
        super().__init__(*arguments, **keywords)
        self._head = b""
        self._is_between_messages = True
        self._begun_in_chunk = 0

    def data_received(self, data: bytes) -> None:
        """Parse on."""
        self._unset_keepalive_if_required()
        self._head = data if self._is_between_messages else self._head and self._head + data
        self._begun_in_chunk = 0
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            if not isinstance(error.__context__, _UpgradeOffered):
                raise
            self._hand_over()
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):  # CONNECT is an upgrade too
            message = "Invalid HTTP request received."
            self.logger.warning(message)
            self.send_400_response(message)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._is_between_messages = False
        self._begun_in_chunk += 1
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its head is there."""
        if self.parser.should_upgrade():
            raise _UpgradeOffered
        self._head = b""
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """It is there as a whole."""
        self._is_between_messages = True
        super().on_message_complete()

    def _hand_over(self) -> None:
        """A request behind others on its way is not handed over: the client finds the connection closed behind those,
        and sends it again."""
        is_alone = self._begun_in_chunk == 1 or (self._begun_in_chunk == 0 and self._head)
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
            self.flow.pause_reading()
        elif not is_alone or not self._head:
            self.transport.close()
        else:
            self.connections.discard(self)
            protocol = H11Protocol(config=self.config, server_state=self.server_state, app_state=self.app_state)
            protocol.connection_made(self.transport)
            self.transport.set_protocol(protocol)
            protocol.data_received(self._head)
