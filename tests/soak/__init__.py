"""A long run of the gateway that watches its memory: `python -m tests.soak`, `make soak`."""
