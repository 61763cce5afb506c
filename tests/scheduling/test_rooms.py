"""Filters and weighers of other packages, and names that nobody knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.model import errors
from orchestrator.model.scheduler import FILTERS, Options
from orchestrator.scheduling import pick, prefilters, rooms
from tests.scheduling.samples import host, request

RACK = """
from orchestrator.scheduling.verdict import Verdict

NAME = "RackFilter"


def judge(state, request, options):
    rack = state.host.variables.get("rack")
    return Verdict(rack == "r1", f"rack: is {rack}", "" if rack == "r1" else "be in rack r1", float(rack != "r1"))
"""
QUIET = """
NAME = "QuietWeigher"
MULTIPLIER = "quiet_weight_multiplier"


def weigh(state, request, options):
    return -state.host.variables["noise"]
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody's package, installed."""
    (tmp_path / "somebodys_rack.py").write_text(RACK)
    (tmp_path / "somebodys_quiet.py").write_text(QUIET)
    info = tmp_path / "somebodys-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: somebodys\nVersion: 1.0\n")
    points = f"[{rooms.FILTERS}]\nRackFilter = somebodys_rack\n\n[{rooms.WEIGHERS}]\nQuietWeigher = somebodys_quiet\n"
    (info / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("package")
def test_filters_and_weighers_of_other_packages_are_asked() -> None:
    hosts = [
        host(name=name, variables={"rack": rack, "noise": noise})
        for name, rack, noise in (("n1", "r2", 0), ("n2", "r1", 9), ("n3", "r1", 3))
    ]
    decision = pick.Fleet(hosts, Options((*FILTERS, "RackFilter"), weight_classes=("QuietWeigher",))).pick(request())
    assert (decision.host, decision.alternates, decision.rejected) == ("n3", ("n2",), {"n1": "rack: is r2"})
    assert [(each.raw, each.weighted) for each in decision.weights if each.weigher == "QuietWeigher"] == [(-3, 1.0)]
    loud = Options((*FILTERS, "RackFilter"), ("QuietWeigher",), {"quiet_weight_multiplier": -1.0})
    assert pick.Fleet(hosts, loud).pick(request()).host == "n2"


def test_the_filters_that_are_named_are_asked_in_that_order_after_what_must_be_there() -> None:
    chosen = ("NumInstancesFilter", "ComputeFilter")
    found = [each.NAME for each in rooms.filters_of(Options(chosen))]
    assert found == ["hosts", *(name for name in rooms.names(prefilters) if name != "hosts"), *chosen]


@pytest.mark.parametrize(
    ("options", "what"),
    [(Options(("RackFilter",)), "no filter 'RackFilter'"), (Options(weight_classes=("QuietWeigher",)), "no weigher 'QuietWeigher'")],
)
def test_a_name_that_nobody_knows_is_an_error(options: Options, what: str) -> None:
    with pytest.raises(errors.Conflict, match=what):
        pick.Fleet([host()], options)
