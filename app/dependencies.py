"""What a route takes from the app that serves it."""

from starlette.requests import Request

from app.gateway import Gateway


def gateway_of(request: Request) -> Gateway:
    """The gateway that serves `request`."""
    gateway = request.app.state.gateway
    if not isinstance(gateway, Gateway):
        raise TypeError("app.state.gateway is not a Gateway: make the app with create_app")
    return gateway
