"""A request as it came in: when, by when what must have happened, and the room it takes."""

from dataclasses import dataclass
from datetime import datetime

from app.exceptions import Overloaded
from app.in_flight import Place
from app.settings import Settings


@dataclass(slots=True)
class Arrival:
    """One request on its way.

    Attributes:
        body_by: when the body has to be there, in seconds of the loop's clock.
        store_by: when storing has to have begun; it then takes `delivery_timeout_seconds` at the most.
    """

    received_at: datetime
    body_by: float
    store_by: float
    place: Place

    def check_time(self, now: float) -> None:
        """Go on, or give up while nothing is stored.

        Raises:
            Overloaded: its client would not wait for the end.
        """
        if now > self.store_by:
            raise Overloaded("The gateway was too busy to take the request in time; nothing is stored. Try again.")


def arrive(received_at: datetime, now: float, settings: Settings, place: Place) -> Arrival:
    """A request whose head came `now`, in seconds of the loop's clock."""
    store_by = now + settings.seconds_before_storing
    return Arrival(received_at, min(now + settings.body_timeout_seconds, store_by), store_by, place)
