"""What a run expects of a tunnel's flood entries while another run works on the same host."""

from __future__ import annotations

import pytest

from orchestrator.facts import fdb

NEEDED = fdb.Needed(("192.0.2.2", "192.0.2.3"), before=("192.0.2.3", "192.0.2.4"))


@pytest.mark.parametrize("meanwhile", [(), ("192.0.2.9",)])
def test_what_came_meanwhile_is_no_fault(meanwhile: tuple[str, ...]) -> None:
    found = ("192.0.2.2", "192.0.2.3", *meanwhile)
    assert found == NEEDED
    assert (found != NEEDED) is False, "as the runner asks"


@pytest.mark.parametrize("found", [("192.0.2.3",), ("192.0.2.2", "192.0.2.3", "192.0.2.4"), None])
def test_what_is_missing_or_stayed_is_one(found: tuple[str, ...] | None) -> None:
    assert found != NEEDED
