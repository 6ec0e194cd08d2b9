"""Answers out of a connection's bytes, wherever they are cut."""

import pytest

from benchmarks.wire import MAX_HEAD_BYTES, AnswerReader, BadAnswer

BODY = b'{"accepted":1,"note":"\\r\\n\\r\\nHTTP/1.1 500"}'
ANSWER = b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


def test_an_answer_cut_anywhere_is_read_once_it_is_whole() -> None:
    reader = AnswerReader()
    for cut in range(1, len(ANSWER)):
        assert reader.feed(ANSWER[:cut]) is None
        assert reader.feed(ANSWER[cut:]) == (202, BODY)


def test_byte_by_byte_and_without_a_body() -> None:
    reader = AnswerReader()
    answers = [reader.feed(bytes([byte])) for byte in b"HTTP/1.1 503 x\r\ncontent-length:0\r\n\r\n" + ANSWER]
    assert [answer for answer in answers if answer] == [(503, b""), (202, BODY)]


@pytest.mark.parametrize(
    "received",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Content-Length: 3\r\n\r\nabc",
        b"SSH-2.0\r\ncontent-length: 0\r\n\r\n",
        ANSWER + ANSWER,
        b"x" * (MAX_HEAD_BYTES + 1),
    ],
    ids=["no length", "another header's", "another protocol", "two answers", "no end"],
)
def test_what_it_cannot_tell_apart_is_an_error(received: bytes) -> None:
    with pytest.raises(BadAnswer):
        AnswerReader().feed(received)
