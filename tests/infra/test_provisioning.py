"""The lists of tests/infra/provisioning.py are of what there is."""

import pytest

from tests.infra import checks, provisioning
from tests.infra.provisioning import BEYOND, DEPLOYMENT, NOT_GIVEN, NOT_USED, SERVICES, calls_of_the_deployment, schema


def test_what_is_not_used_is_a_property_and_would_be_called() -> None:
    for kind, properties in NOT_USED.items():
        called = {action for each in schema(kind)["handlers"].values() for action in each["permissions"]}
        for name, actions in properties.items():
            assert f'"{name}"' in str(schema(kind)).replace("'", '"'), f"{kind} has no {name}"
            assert set(actions) <= called, f"{kind}: {name}"


def test_what_is_not_given_would_be_called() -> None:
    kinds = {each["Type"] for template in checks.read().values() for each in template["Resources"].values()}
    handlers = [each for kind in kinds for each in schema(kind)["handlers"].values()]
    called = {
        action
        for each in (*handlers, *(schema(kind).get("tagging", {}) for kind in kinds))
        for action in each.get("permissions", [])
    }
    assert set(NOT_GIVEN) <= called
    assert not set(BEYOND) & set(NOT_GIVEN)


def test_the_code_of_a_deployment_calls_what_is_listed() -> None:
    listed = {action for action, where in DEPLOYMENT.items() if where.startswith("ops/") and action != "iam:PassRole"}
    assert calls_of_the_deployment() == listed
    assert {action.partition(":")[0] for action in listed} == set(SERVICES)


@pytest.mark.parametrize("action", ["kinesis:CreateStream", "kms:PutKeyPolicy", "logs:PutMetricFilter"])
def test_an_action_less_is_found(action: str) -> None:
    stack = "storage" if action.startswith("kms:") else "bootstrap"
    with pytest.raises(AssertionError):
        provisioning.cloudformation_may_call_what_the_handlers_call(
            checks.weakened(stack, f"              - {action}\n", "")
        )
