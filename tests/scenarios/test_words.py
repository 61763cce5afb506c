"""What hosts show instead of what was expected, in an operator's words."""

from __future__ import annotations

from collections.abc import Hashable

import pytest
from msgspec.structs import replace

from orchestrator.engine.context import Progress
from orchestrator.facts import digest, disk, domain, file, link
from orchestrator.planning import mismatch
from orchestrator.services import lifecycle
from tests.scenarios.conftest import Site

RUNNING = domain.Domain("u", "running", digest="ab")
BRIDGE = link.Link("bridge", None, True, "orc7c9e66")


@pytest.mark.parametrize(
    ("key", "expected", "found", "words"),
    [
        (domain.Key("i-1"), RUNNING, replace(RUNNING, state="shut off"), "domain i-1: expected running, found shut off"),
        (domain.Key("i-1"), RUNNING, None, "domain i-1: expected running, found nothing"),
        (domain.Key("i-1"), None, RUNNING, "domain i-1: expected nothing, found running"),
        (
            domain.Key("i-1"),
            RUNNING,
            replace(RUNNING, digest=None, persistent=False),
            "domain i-1: expected persistent yes, digest ab, found persistent no, digest nothing",
        ),
        (link.Key("br0"), BRIDGE, replace(BRIDGE, up=False), "network device br0: expected up yes, found up no"),
        (link.Key("tap1"), None, link.Link("", None, True), "network device tap1: expected nothing, found something"),
        (file.Key("/a"), "directory", None, "/a: expected directory, found nothing"),
        (digest.Key("/a"), "ab", "cd", "/a: expected ab, found cd"),
        (disk.Key("/a"), disk.Disk("qcow2", 5, "/b"), disk.Disk("qcow2", 5, None), "/a: expected backing /b, found backing nothing"),
        (disk.Key("/a"), disk.Disk("qcow2", 5, "/b"), None, "/a: expected qcow2, found nothing"),
    ],
)
def test_only_what_differs_is_said(key: Hashable, expected: object, found: object, words: str) -> None:
    assert mismatch.words(key, expected, {key: found}) == words


def test_a_guest_that_does_not_stay_up_is_told_so(site: Site) -> None:
    site.apply("a")
    site.act("stop", "a")
    record = site.record("a")

    def kill(progress: Progress) -> None:
        if progress.step == "spawning.start_domain":
            site.fleet.kill_qemu(record.instance.host, record.instance.domain)

    report = lifecycle.act(replace(site.app, report=kill), "start", ("a",))
    (outcome,) = report.outcomes
    assert outcome.status == "failed"
    assert f"{record.instance.host}: instance 'a': not as expected after its steps: " in outcome.fault
    assert f"domain {record.instance.domain}: expected running, found shut off" in outcome.fault
