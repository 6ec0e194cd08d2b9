"""A gateway's GET /metrics as Prometheus reads it."""

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.support.transports import Client


def samples(client: Client) -> list[Sample]:
    """Every sample of the page."""
    answer = client.request("GET", "/metrics")
    assert answer.status == 200
    return [sample for family in text_string_to_metric_families(answer.body.decode()) for sample in family.samples]
