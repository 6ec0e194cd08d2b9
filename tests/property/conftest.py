"""Hypothesis profiles. `bounded`, the default, draws the same examples every time; `search` looks for new ones:
pytest tests/property --hypothesis-profile=search."""

from hypothesis import HealthCheck, settings

SLOW_TO_DRAW = (HealthCheck.too_slow, HealthCheck.filter_too_much)

settings.register_profile(
    "bounded", max_examples=150, derandomize=True, deadline=None, database=None, suppress_health_check=SLOW_TO_DRAW
)
settings.register_profile(
    "search", max_examples=20_000, deadline=None, print_blob=True, suppress_health_check=SLOW_TO_DRAW
)
if settings.get_current_profile_name() != "search":
    settings.load_profile("bounded")
