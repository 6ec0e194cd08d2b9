"""Load tests of a gateway, local or deployed, with Locust (docs/loadtest.md).

Only `locustfile`, `session` and `user` import Locust, which lives in an environment of its own; the rest needs nothing.
"""
