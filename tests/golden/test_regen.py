"""Golden files are written anew by people, who look at the difference; never where nobody does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("environment", "code"), [({"CI": "true"}, 4), ({"CI": ""}, 0)])
def test_regen_is_refused_in_ci(environment: dict[str, str], code: int) -> None:
    argv = [sys.executable, "-m", "pytest", "--regen", "--collect-only", "-q", "-p", "no:cacheprovider", "tests/golden/test_silence.py"]
    done = subprocess.run(argv, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert ("is refused where CI is set" in done.stderr) is bool(code)
