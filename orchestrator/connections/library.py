"""Loading paramiko: late, and lightly."""

from __future__ import annotations

import logging
import sys
import threading
from types import ModuleType
from typing import cast

_LOADING = threading.Lock()


def load() -> None:
    """Import paramiko, once. Without invoke, which it has for `Match exec` in ssh_config alone and which costs 45 ms of CPU (measured)."""
    with _LOADING:
        if "paramiko" in sys.modules:
            return
        absent = "invoke" not in sys.modules
        if absent:
            sys.modules["invoke"] = cast(ModuleType, None)  # import's own word for "there is none"
        try:
            import paramiko  # noqa: F401  # for its place in sys.modules
        finally:
            if absent:
                del sys.modules["invoke"]
        logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)  # its threads log what we report as our errors


def faults() -> tuple[type[Exception], ...]:
    """What a connection that does not come, or breaks, raises: of paramiko, of sockets. For `except`, which asks only when something was raised."""
    load()
    import paramiko

    return paramiko.SSHException, OSError, EOFError
