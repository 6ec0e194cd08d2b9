"""What is counted of requests, and what is over the bounds."""

import pytest

from app.exceptions import Overloaded
from app.in_flight import InFlight, Place


def test_what_a_request_takes_is_given_back() -> None:
    in_flight = InFlight(max_requests=2, max_bytes=100)
    with Place(in_flight) as place:
        place.hold(30)
        place.work()
        place.hold(70)
        assert (in_flight.requests, in_flight.held_bytes) == (1, 100)
    assert (in_flight.requests, in_flight.held_bytes) == (0, 0)


def test_it_is_given_back_when_the_request_fails() -> None:
    in_flight = InFlight(max_requests=1, max_bytes=100)

    def fail() -> None:
        with Place(in_flight) as place:
            place.work()
            place.hold(60)
            place.hold(41)

    with pytest.raises(Overloaded):
        fail()
    assert (in_flight.requests, in_flight.held_bytes) == (0, 0)


def test_a_place_without_work_and_bytes_is_no_request_at_work() -> None:
    in_flight = InFlight(max_requests=1, max_bytes=1)
    with Place(in_flight), Place(in_flight) as place:
        place.work()
        assert in_flight.requests == 1


def test_one_request_more_than_may_be() -> None:
    in_flight = InFlight(max_requests=1, max_bytes=100)
    with Place(in_flight) as first, Place(in_flight) as second:
        first.work()
        for refused in (second.work, lambda: second.expect(0)):
            with pytest.raises(Overloaded):
                refused()
        second.hold(1)  # who is still sending may go on
        assert in_flight.requests == 1


def test_one_byte_more_than_may_be() -> None:
    in_flight = InFlight(max_requests=9, max_bytes=100)
    with Place(in_flight) as first, Place(in_flight) as second:
        first.hold(60)
        second.expect(40)
        for refused in (second.hold, second.expect):
            with pytest.raises(Overloaded):
                refused(41)
        second.hold(40)
        assert in_flight.held_bytes == 100
        second.work()  # its bytes are there already


def test_expecting_takes_nothing() -> None:
    in_flight = InFlight(max_requests=1, max_bytes=100)
    with Place(in_flight) as place:
        place.expect(100)
        place.expect(100)
        assert (in_flight.requests, in_flight.held_bytes) == (0, 0)
