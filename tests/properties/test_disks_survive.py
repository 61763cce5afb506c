"""What a guest wrote is there, byte for byte, after every power verb, whatever was found on the host and wherever the verb broke off."""

from __future__ import annotations

import itertools

import pytest
from msgspec.structs import replace

from orchestrator.commands.command import Action, Command, Transfer, Upload
from orchestrator.model.decision import Decision
from orchestrator.model.instance import Instance, Record
from orchestrator.planning import course
from orchestrator.states.steps.spawning import write_domain_xml
from tests.fakes.host import FakeFleet
from tests.fakes.state import File, State
from tests.samples import events, instances, situations
from tests.samples.events import Event
from tests.samples.situations import Case

BUILT = instances.new(1, instances.port(1), instances.port(2, bridge="br-phys1"), ephemeral=1, swap=256, config_drive=True)
LAUNCHED = replace(BUILT, launched=True)
VERBS = {"hard_reboot": "ACTIVE", "start": "STOPPED", "stop": "ACTIVE"}


def base(kind: str) -> Event:
    """A base gone."""

    def arrange(state: State, instance: Instance) -> None:
        state.files.pop(next(disk.base.path for disk in instance.disks if disk.base.kind == kind))

    return arrange


def off(state: State, instance: Instance) -> None:
    domain = state.domains.get(instance.domain)
    if domain:
        for tap in domain.taps:
            state.links.pop(tap, None)
        domain.end()


def undefined(state: State, instance: Instance) -> None:
    off(state, instance)
    state.domains.pop(instance.domain, None)


def foreign(state: State, instance: Instance) -> None:
    undefined(state, instance)
    events.foreign()(state, instance)


def rebooted(state: State, instance: Instance) -> None:
    state.reboot()


def no_xml(state: State, instance: Instance) -> None:
    state.files.pop(write_domain_xml.path(instance), None)


def no_bridge(state: State, instance: Instance) -> None:
    state.links.pop("br-phys0", None)


def drifted(state: State, instance: Instance) -> None:
    state.files[write_domain_xml.path(instance)] = File(b"<domain/>")


EVENTS: dict[str, Event] = {
    "off": off,
    "undefined": undefined,
    "foreign": foreign,
    "rebooted": rebooted,
    "xml_lost": no_xml,
    "xml_drifted": drifted,
    "image_base_lost": base("image"),
    "ephemeral_base_lost": base("ephemeral"),
    "swap_base_lost": base("swap"),
    "disk_lost": events.lose("disk"),
    "ephemeral_lost": events.lose("disk.local"),
    "config_drive_lost": events.lose("disk.config"),
    "part_left": events.file(lambda instance: f"{instance.disks[0].path}.part"),
    "bridge_lost": no_bridge,
}
COMBINATIONS = tuple(itertools.chain.from_iterable(itertools.combinations(EVENTS, size) for size in (0, 1, 2, 3)))


def hosts(combination: tuple[str, ...]) -> FakeFleet:
    """The instance running and written on, then what happened."""
    fleet = Case("spawning.start_domain", "", BUILT, after="spawning.start_domain").host()
    state = fleet.hosts[instances.HOST.name]
    for disk in BUILT.disks:
        file = state.file(disk.path)
        assert file
        file.content += b"what the guest wrote on " + disk.name.encode()
    for name in combination:
        EVENTS[name](state, BUILT)
    return fleet


def data(fleet: FakeFleet) -> dict[str, File]:
    """The instance's disk files that are there."""
    files = fleet.hosts[instances.HOST.name].files
    return {disk.path: replace(file) for disk in BUILT.disks if isinstance(file := files.get(disk.path), File)}


def charted(fleet: FakeFleet, verb: str) -> course.Course:
    """The verb's course, planned on what is there, for the launched instance in the state that the verb begins in."""
    record = Record(LAUNCHED, VERBS[verb], "active", None, 1, "active", None, "", "", "")
    return course.chart(record, (verb,), situations.look(fleet, course.needs(LAUNCHED)))


def touches(action: Action) -> set[str]:
    """Every path that an action names for another purpose than reading: what only reads names no disk of an instance."""
    if isinstance(action, Upload | Transfer):
        return {action.path}
    assert isinstance(action, Command)
    return set(action.argv) if action.argv[0] in ("rm", "mv", "truncate", "qemu-img", "mkfs.ext4", "mkswap", "env", "prlimit") else set()


@pytest.mark.parametrize("verb", VERBS)
def test_disks_survive(verb: str) -> None:
    """Under up to three events at once."""
    for combination in COMBINATIONS:
        fleet = hosts(combination)
        before = data(fleet)
        planned = charted(fleet, verb)
        actions = () if planned.problem else planned.actions
        assert not before.keys() & {path for action in actions for path in touches(action)}, combination
        situations.run(fleet, actions)
        assert data(fleet) == before, combination


@pytest.mark.parametrize("verb", VERBS)
def test_disks_survive_a_verb_that_breaks_off_and_is_given_again(verb: str) -> None:
    """After any number of its actions, under each event alone."""
    for combination in COMBINATIONS[: 1 + len(EVENTS)]:
        for done in range(len(charted(hosts(combination), verb).actions) + 1):
            fleet = hosts(combination)
            before = data(fleet)
            situations.run(fleet, charted(fleet, verb).actions[:done])
            situations.run(fleet, charted(fleet, "hard_reboot").actions)
            assert data(fleet) == before, (combination, done)


@pytest.mark.parametrize("name", ["disk_lost", "ephemeral_lost"])
@pytest.mark.parametrize("verb", ["hard_reboot", "start"])
def test_a_lost_disk_is_told_and_never_made_again(verb: str, name: str) -> None:
    planned = charted(hosts((name,)), verb)
    assert planned.problem
    assert "is missing" in str(planned.problem)
    assert "empty one will not be put in its place" in str(planned.problem)


@pytest.mark.parametrize("renews", [(), ("disk",), ("disk.local", "disk.config")], ids=str)
def test_a_rebuild_ends_what_was_given_up_and_nothing_else(renews: tuple[str, ...]) -> None:
    """Under up to two events at once."""
    given_up = replace(LAUNCHED, renews=renews)
    record = Record(given_up, "ACTIVE", "active", None, 1, "active", None, Decision(), "", "")
    for combination in (each for each in COMBINATIONS if len(each) < 3):
        fleet = hosts(combination)
        before = {path: file for path, file in data(fleet).items() if path.rpartition("/")[2] not in renews}
        planned = course.chart(record, ("rebuild",), situations.look(fleet, course.needs(given_up)))
        actions = () if planned.problem else planned.actions
        named = {path for action in actions for path in touches(action)}
        assert not {path for path in before if path in named}, combination
        situations.run(fleet, actions)
        assert {path: file for path, file in data(fleet).items() if path in before} == before, combination
