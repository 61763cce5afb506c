"""What every kind of test shares: golden files, and how they are written anew."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine draws slowly, and large values are asked for; in CI the same values are drawn each time.
settings.register_profile(
    "tests", deadline=None, derandomize=bool(os.environ.get("CI")), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.load_profile("tests")

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regen", action="store_true", help="write golden files anew from what the code says now; look at the diff")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--regen") and os.environ.get("CI"):
        raise pytest.UsageError("--regen is refused where CI is set: golden files are changed by people, who look at them")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares a text with the golden file at a path below tests/golden, or writes it there with --regen."""

    def check(path: str, text: str) -> None:
        file = GOLDEN / path
        if request.config.getoption("--regen"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        assert file.exists(), f"no golden file {file}: write it with `pytest --regen`, and look at it"
        assert text == file.read_text()

    return check
