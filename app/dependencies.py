"""What a route takes from its app."""

from starlette.applications import Starlette

from app.gateway import Gateway


def gateway_of(app: Starlette) -> Gateway:
    """The gateway that `app` serves."""
    gateway = app.state.gateway
    if not isinstance(gateway, Gateway):
        raise TypeError("app.state.gateway is not a Gateway: make the app with create_app")
    return gateway
