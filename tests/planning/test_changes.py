"""The table of classes: no field without one, and nothing done that was not allowed."""

from __future__ import annotations

import pytest

from orchestrator.model import desired
from orchestrator.planning import changes
from orchestrator.planning.changes import Edit, Kind

NOUNS = (desired.Flavor, desired.Image, desired.Network, desired.NetworkRequest, desired.InstanceRequest)


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: noun.__name__)
def test_every_field_that_an_instance_depends_on_has_a_class(noun: type) -> None:
    assert set(changes.TABLE[noun.__name__]) == set(noun.__struct_fields__)  # type: ignore[attr-defined]
    assert all(row.why for row in changes.TABLE[noun.__name__].values())


@pytest.mark.parametrize(
    ("consents", "kinds"),
    [
        ((), {Kind.LIVE, Kind.NEXT_BOOT, Kind.FIXED}),
        (("reboot",), {Kind.LIVE, Kind.NEXT_BOOT, Kind.FIXED, Kind.REBOOT}),
        (("rebuild",), {Kind.LIVE, Kind.NEXT_BOOT, Kind.FIXED, Kind.REBUILD}),
        (("destroy",), {Kind.LIVE, Kind.NEXT_BOOT, Kind.FIXED, Kind.DESTROY}),
    ],
)
def test_a_class_is_made_that_was_allowed(consents: tuple[str, ...], kinds: set[Kind]) -> None:
    assert {kind for kind in Kind if changes.allowed(kind, frozenset(consents))} == kinds


def test_what_it_would_take_is_told() -> None:
    edits = [
        Edit("flavor.ram", "64", "128", Kind.REBOOT, changes.missing(Kind.REBOOT)),
        Edit("image", "a", "b", Kind.REBUILD, changes.missing(Kind.REBUILD)),
        Edit("tags", "none", "web", Kind.LIVE),
    ]
    assert changes.needed(edits) == ("reboot", "rebuild")
    assert edits[0].told == "flavor.ram 64 -> 128 (reboot): not done: needs --allow reboot"
    assert edits[2].told == "tags none -> web (live)"
