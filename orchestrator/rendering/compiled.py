"""Compiled templates, kept where Python keeps its compiled modules: to compile them takes longer than to render twenty instances."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket

from orchestrator import templates


class Beside(jinja2.FileSystemBytecodeCache):
    """In `__pycache__` beside the templates, so that who may change one may change the other. Jinja holds each to its template's text and its own version."""

    def __init__(self) -> None:
        super().__init__(str(Path(templates.__file__).parent / "__pycache__"))

    def load_bytecode(self, bucket: Bucket) -> None:
        """What is kept of it, if that can be read."""
        with contextlib.suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep it, unless this user may not write there, or Python is told to write none."""
        if sys.dont_write_bytecode:
            return
        with contextlib.suppress(OSError):
            Path(self.directory).mkdir(exist_ok=True)
            super().dump_bytecode(bucket)
