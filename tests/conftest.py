"""How the tests are spread over processes: `make test` runs two of them."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The end-to-end tests share one pipeline, so they stay in one process; of the others each file does."""
    for item in items:
        group = "e2e" if item.get_closest_marker("e2e") else item.path.name
        item.add_marker(pytest.mark.xdist_group(group))
