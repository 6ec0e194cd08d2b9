"""The README's table of settings is the class; its commands start the gateway as the tests do."""

import re
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from app.settings import Settings
from tests.support.transports import UVICORN_OPTIONS

README = Path(__file__).parents[2] / "README.md"
ROW = re.compile(r"^\| `((?:SLUICE|AWS)_[A-Z_]+)` \| *(.*?) *\| (.+) \|$", re.MULTILINE)
DOCUMENTED = {name: (default, meaning) for name, default, meaning in ROW.findall(README.read_text())}


def variable(name: str, field: FieldInfo) -> str:
    return str(field.validation_alias or f"SLUICE_{name.upper()}")


def default(field: FieldInfo) -> str:
    """As the README writes it: `required`, nothing, or the value as one would set it."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return "" if value is None else f"`{value}`"


FIELDS = {variable(name, field): field for name, field in Settings.model_fields.items()}


def test_every_setting_is_documented_and_nothing_else() -> None:
    assert list(DOCUMENTED) == list(FIELDS)


@pytest.mark.parametrize("name", FIELDS)
def test_the_default_of_a_setting_is_the_one_documented(name: str) -> None:
    assert DOCUMENTED[name][0] == default(FIELDS[name])


@pytest.mark.parametrize("name", FIELDS)
def test_the_meaning_of_a_setting_is_the_one_documented(name: str) -> None:
    assert FIELDS[name].description
    assert DOCUMENTED[name][1] == FIELDS[name].description


@pytest.mark.parametrize(("file", "commands"), [("README.md", 2), ("Dockerfile", 1)])
def test_the_gateway_is_started_as_the_tests_start_it(file: str, commands: int) -> None:
    text = re.sub(r"\s[\\#]?\s+", " ", (README.parent / file).read_text())  # where a command's lines are joined
    assert text.count("uvicorn --factory app.main:create_app") == commands
    assert text.count(" ".join(UVICORN_OPTIONS)) == commands
