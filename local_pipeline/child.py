"""Become a child that does not outlive its supervisor, even one that is killed with -9.

Run as a file by a bare interpreter (`python -I -S child.py SIGNAL SUPERVISOR_PID COMMAND…`), so it imports little.
Linux delivers SIGNAL when the supervisor dies (prctl(2), PR_SET_PDEATHSIG = 1; kept across execve); elsewhere this
only executes COMMAND.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask for the signal, then replace this process by the command."""
    signal_number, supervisor, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
        if os.getppid() != supervisor:  # it died before the request was in place
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - the supervisor's own command


if __name__ == "__main__":
    main()
