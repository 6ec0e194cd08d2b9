"""Every price says where it is from and when it was read; tiers are charged each at its own price."""

import json
import re
from datetime import date

import pytest

from ops.cost import price_list
from ops.cost.errors import PricesError
from ops.cost.price_list import Price

REGIONS = ("eu-west-1", "us-east-1")
PRICES = [(region, key) for region in REGIONS for key in price_list.load(region).prices]
OFFICIAL = re.compile(r"^https://(aws\.amazon\.com|pricing\.us-east-1\.amazonaws\.com|(www|docs)\.snowflake\.com)/")
TIERED = Price(
    unit="request", per=1000, tiers=((100, 8.0), (300, 6.0), (float("inf"), 2.0)), source="", read=None, via=""
)
ENTRY = {
    "unit": "request",
    "value": 1,
    "per": 1,
    "source": "https://aws.amazon.com/",
    "read": None,
    "via": "unverified",
}


def a_list(**changes: object) -> str:
    return json.dumps({"region": "x", "name": "X", "prices": {"requests": {**ENTRY, **changes}}})


def test_the_regions_are_those_that_have_a_file() -> None:
    assert price_list.regions() == list(REGIONS)


@pytest.mark.parametrize(("region", "key"), PRICES)
def test_a_price_has_an_official_source_and_was_read_or_says_that_it_was_not(region: str, key: str) -> None:
    price = price_list.load(region).prices[key]
    assert price.unit
    assert OFFICIAL.match(price.source)
    if price.read is None:
        assert price.via == "unverified"
    else:
        assert date.fromisoformat(price.read)
        assert price.via not in {"", "unverified"}


@pytest.mark.parametrize("region", REGIONS)
def test_the_regions_have_the_same_prices(region: str) -> None:
    assert price_list.load(region).region == region
    assert set(price_list.load(region).prices) == set(price_list.load("us-east-1").prices)


@pytest.mark.parametrize(
    ("quantity", "dollars"),
    [
        (0, 0),
        (50, 50 * 8 / 1000),
        (100, 100 * 8 / 1000),
        (150, (100 * 8 + 50 * 6) / 1000),
        (1000, (100 * 8 + 200 * 6 + 700 * 2) / 1000),
    ],
)
def test_a_tier_is_charged_at_its_own_price(quantity: float, dollars: float) -> None:
    assert TIERED.charge(quantity) == pytest.approx(dollars)


def test_the_http_api_of_us_east_1() -> None:
    """A million requests are $1.00, of the 301st million $0.90."""
    assert price_list.load("us-east-1").charge("http_api_requests", 301e6) == pytest.approx(300 * 1.00 + 0.90)


def test_what_is_unverified_is_named() -> None:
    assert price_list.parse(a_list()).unverified == ["requests"]
    assert price_list.parse(a_list(read="2026-11-23")).unverified == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "JSONDecodeError"),
        ("[]", "TypeError"),
        ('{"prices": {}}', "KeyError: 'region'"),
        (a_list(per="many"), "could not convert"),
        (a_list(tiers=[{"up_to": 5, "value": 1}]), "the last is null"),
        (a_list(tiers=[{"up_to": 5, "value": 1}, {"up_to": 3, "value": 1}, {"up_to": None, "value": 1}]), "ascend"),
    ],
    ids=["no JSON", "an array", "no region", "no number", "no last tier", "descending"],
)
def test_what_is_no_price_list_is_refused(text: str, said: str) -> None:
    with pytest.raises(PricesError, match=re.escape(said)):
        price_list.parse(text)


def test_a_region_without_prices_is_refused_with_those_there_are() -> None:
    with pytest.raises(PricesError, match="no prices for mars: there are eu-west-1, us-east-1"):
        price_list.load("mars")
