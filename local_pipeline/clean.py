"""Remove the local pipeline's state: `make clean`. Refuses while a pipeline runs in it."""

import shutil
import sys

from local_pipeline.home import Home, HomeError, HomeLock, HomeTakenError


def main() -> int:
    """Exit status 0 when the state is gone, 1 when a pipeline runs there or it is no directory."""
    home = Home.from_environment()
    if not home.path.exists():
        return 0
    lock = HomeLock(home)
    try:
        lock.acquire()
    except HomeTakenError as error:
        sys.stderr.write(f"sluice: {error}; stop it first\n")
        return 1
    except HomeError as error:
        sys.stderr.write(f"sluice: {error}\n")
        return 1
    shutil.rmtree(home.path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
