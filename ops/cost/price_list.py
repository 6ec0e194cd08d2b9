"""A region's prices: one file each, every price with its unit, its source and the day it was read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import pairwise
from math import inf
from types import MappingProxyType
from typing import Any

from ops.cost.errors import PricesError

GB = 1024**3
"""Bytes: the tiers of the price lists are powers of two (51,200 GB are the first 50 TB of S3)."""


@dataclass(frozen=True, slots=True)
class Price:
    """What `per` units cost.

    Attributes:
        tiers: ascending (up to how many units a month, price in that tier); the last one has no end.
        source: the official place.
        read: the day it was read (YYYY-MM-DD), or None if it was read nowhere.
        via: the copy in which it was read, or that it is unverified.
    """

    unit: str
    per: float
    tiers: tuple[tuple[float, float], ...]
    source: str
    read: str | None
    via: str

    def charge(self, quantity: float) -> float:
        """The price of `quantity` units a month."""
        spans = zip(pairwise((0.0, *(end for end, _ in self.tiers))), self.tiers, strict=True)
        return sum(max(min(quantity, end) - start, 0) * value for (start, _), (end, value) in spans) / self.per


@dataclass(frozen=True, slots=True)
class PriceList:
    """The prices of one region, in dollars but where the unit says otherwise."""

    region: str
    name: str
    prices: Mapping[str, Price]

    def charge(self, key: str, quantity: float) -> float:
        """The price of `quantity` units of `key` a month."""
        return self.prices[key].charge(quantity)

    @property
    def unverified(self) -> list[str]:
        """Which prices were read nowhere."""
        return [key for key, price in self.prices.items() if price.read is None]


def _folder() -> Traversable:
    return files("ops.cost") / "prices"


def regions() -> list[str]:
    """The regions there are prices for."""
    return sorted(file.name.removesuffix(".json") for file in _folder().iterdir() if file.name.endswith(".json"))


def load(region: str) -> PriceList:
    """The prices of `region`.

    Raises:
        PricesError: there are none.
    """
    if region not in regions():
        raise PricesError(
            f"no prices for {region}: there are {', '.join(regions())}; add ops/cost/prices/{region}.json"
        )
    return parse((_folder() / f"{region}.json").read_text(encoding="utf-8"))


def parse(text: str) -> PriceList:
    """A price list from its file's text.

    Raises:
        PricesError: it is none.
    """
    try:
        document = json.loads(text)
        prices = {key: _price(entry) for key, entry in document["prices"].items()}
        return PriceList(document["region"], document["name"], MappingProxyType(prices))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PricesError(f"no price list: {type(error).__name__}: {error}; compare it with us-east-1.json") from error


def _price(entry: Mapping[str, Any]) -> Price:
    tiers = (
        [(tier["up_to"], tier["value"]) for tier in entry["tiers"]] if "tiers" in entry else [(None, entry["value"])]
    )
    ends = [inf if end is None else float(end) for end, _ in tiers]
    if ends[-1] != inf or ends != sorted(set(ends)):
        raise ValueError("the ends of tiers ascend, and the last is null")
    return Price(
        unit=str(entry["unit"]),
        per=float(entry["per"]),
        tiers=tuple((end, float(value)) for end, (_, value) in zip(ends, tiers, strict=True)),
        source=str(entry["source"]),
        read=entry["read"],
        via=str(entry["via"]),
    )
