"""Events of the three front doors that can invoke the gateway, made of one request."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from tests.support.transports import Headers, lambda_event

MakeEvent = Callable[[str, str, bytes, Headers], dict[str, Any]]


def function_url_event(method: str, path: str, body: bytes, headers: Headers) -> dict[str, Any]:
    """Payload 2.0 as a function URL sends it (AWS, "Invoking Lambda function URLs", request payload format)."""
    event = lambda_event(method, path, body, headers)
    domain = "abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-west-1.on.aws"
    event["headers"]["host"] = domain
    event["requestContext"] |= {
        "accountId": "anonymous",
        "apiId": domain.partition(".")[0],
        "domainName": domain,
        "domainPrefix": domain.partition(".")[0],
    }
    return event


def rest_event(method: str, path: str, body: bytes, headers: Headers) -> dict[str, Any]:
    """The event of a REST API's proxy integration, format 1.0 (AWS, "Lambda proxy integrations in API Gateway")."""
    newer = lambda_event(method, path, body, headers)
    raw_path, _, query = path.partition("?")
    parameters = parse_qs(query)
    names = dict(headers)
    return {
        "resource": "/{proxy+}",
        "path": raw_path,
        "httpMethod": method,
        "headers": {"Host": "api.test", **names} if names else None,
        "multiValueHeaders": {name: [value] for name, value in {"Host": "api.test", **names}.items()}
        if names
        else None,
        "queryStringParameters": {name: values[-1] for name, values in parameters.items()} or None,
        "multiValueQueryStringParameters": parameters or None,
        "pathParameters": {"proxy": raw_path.removeprefix("/")},
        "stageVariables": None,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api.test",
            "httpMethod": method,
            "identity": {"sourceIp": "127.0.0.1", "userAgent": "sluice-tests"},
            "path": raw_path,
            "protocol": "HTTP/1.1",
            "requestId": newer["requestContext"]["requestId"],
            "resourcePath": "/{proxy+}",
            "stage": "prod",
        },
        "body": newer.get("body"),
        "isBase64Encoded": newer["isBase64Encoded"],
    }


FRONT_DOORS: dict[str, MakeEvent] = {
    "HTTP API": lambda_event,
    "REST API": rest_event,
    "function URL": function_url_event,
}
