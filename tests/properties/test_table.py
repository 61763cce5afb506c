"""The life of an instance, as a graph: what is reachable, what every busy state leads to, and that data survives every way but deletion."""

from __future__ import annotations

from collections import Counter

import pytest

from orchestrator.states import instance as table
from orchestrator.states.table import DONE, FAIL, State
from tests.samples import situations

NOVA_VM_STATES = {
    *("active", "building", "paused", "suspended", "stopped", "rescued", "resized"),
    *("soft-delete", "deleted", "error", "shelved", "shelved_offloaded"),
}
NOVA_TASK_STATES = {
    *("scheduling", "networking", "block_device_mapping", "spawning", "powering-off", "powering-on", "deleting"),
    *("rebooting", "reboot_pending", "reboot_started", "rebooting_hard", "reboot_pending_hard", "reboot_started_hard"),
    *("rebuilding", "rebuild_block_device_mapping", "rebuild_spawning"),
}
NOVA_STATUSES = {"ACTIVE", "BUILD", "DELETED", "ERROR", "HARD_REBOOT", "REBOOT", "REBUILD", "SHUTOFF"}
"""nova/compute/vm_states.py, task_states.py (those that have rows), nova/api/openstack/common.py."""

WITHOUT_TASK = {"updating", "updating-off", *table.REPAIRS}
"""Nova attaches volumes without a task state, and repairs nothing."""

BUSY = tuple(state for state in table.STATES if state.busy and state.name != table.TABLE.initial)
ROWS = pytest.mark.parametrize("state", table.STATES, ids=lambda state: state.name)
BUSY_ROWS = pytest.mark.parametrize("state", BUSY, ids=lambda state: state.name)
ENDS_DATA = "teardown.remove_directory"


def dests(source: str, *triggers: str) -> set[str]:
    """Where the triggers (none: any) lead."""
    return {edge.dest for edge in table.EDGES if source in edge.sources and (not triggers or edge.trigger in triggers)}


def reached(sources: set[str], *triggers: str) -> set[str]:
    """Every state on any way from the sources, themselves included."""
    found, rest = set(sources), list(sources)
    while rest:
        fresh = dests(rest.pop(), *triggers) - found
        found |= fresh
        rest += fresh
    return found


def test_names_are_unique_and_edges_join_states() -> None:
    names = [state.name for state in table.STATES]
    assert len(names) == len(set(names))
    assert {name for edge in table.EDGES for name in (*edge.sources, edge.dest)} <= set(names)


def test_a_trigger_leads_to_one_place() -> None:
    legs = Counter((edge.trigger, source) for edge in table.EDGES for source in edge.sources)
    assert [leg for leg, count in legs.items() if count > 1] == []


def test_every_state_is_reached() -> None:
    assert reached({table.TABLE.initial}) == {state.name for state in table.STATES}


@BUSY_ROWS
def test_a_busy_state_ends_well_or_ill(state: State) -> None:
    assert len(dests(state.name, DONE)) == 1
    assert dests(state.name, FAIL) == {state.failure}
    assert state.steps
    assert table.TABLE.next(state.name).name in dests(state.name, DONE)


@BUSY_ROWS
def test_a_busy_state_comes_to_rest(state: State) -> None:
    seen = set()
    while state.busy:
        assert state.name not in seen
        seen.add(state.name)
        state = table.TABLE.next(state.name)


@ROWS
def test_a_rest_state_has_no_work(state: State) -> None:
    if not state.busy:
        assert (state.steps, state.undoes, dests(state.name, DONE, FAIL)) == ((), False, set())


def test_what_was_only_placed_waits_to_be_built_or_given_up() -> None:
    assert table.TABLE.state(table.TABLE.initial).steps == ()
    assert dests(table.TABLE.initial) == {"networking", "deleting", "ERROR"}


@ROWS
def test_words_are_novas(state: State) -> None:
    assert state.vm_state is None or state.vm_state in NOVA_VM_STATES
    assert state.task_state is None or state.task_state in NOVA_TASK_STATES
    assert state.status in NOVA_STATUSES
    assert (state.task_state is not None) is (state.busy and state.name not in WITHOUT_TASK)


@ROWS
def test_what_is_left_alone_can_be_deleted(state: State) -> None:
    if not state.removes and state.name != "deleting":
        assert dests(state.name, "delete") == {"deleting"}


def test_every_step_has_a_row_and_every_row_its_steps() -> None:
    assert {name for state in table.STATES for name in state.steps} == set(situations.registry())


@BUSY_ROWS
def test_nothing_is_started_that_was_not_defined_before(state: State) -> None:
    """define refuses a domain of somebody else's: start relies on it."""
    if "spawning.start_domain" in state.steps:
        assert "spawning.define_domain" in state.steps[: state.steps.index("spawning.start_domain")]


@pytest.mark.parametrize(("step", "state", "trigger"), [(ENDS_DATA, "deleting", "delete"), (table.REBUILDING, "rebuilding", "rebuild")])
def test_only_deletion_and_rebuild_end_data(step: str, state: str, trigger: str) -> None:
    assert [row.name for row in table.STATES if step in row.steps] == [state]
    assert {edge.trigger for edge in table.EDGES if edge.dest == state} == {trigger}


@pytest.mark.parametrize("trigger", ["hard_reboot", "start", "stop", "found_stopped", "found_running", "repair", "reclaim"])
def test_no_way_from_a_power_verb_undoes_or_removes(trigger: str) -> None:
    """Whatever fails on the way, and however often the verb is given again."""
    begun = {edge.dest for edge in table.EDGES if edge.trigger == trigger}
    ways = [
        table.TABLE.state(name) for name in reached(begun, DONE, FAIL, "hard_reboot", "start", "stop", "found_stopped", "found_running")
    ]
    assert [state.name for state in ways if {ENDS_DATA, table.REBUILDING} & set(state.steps) or state.undoes] == []


def test_only_what_never_ran_is_undone() -> None:
    """States that undo are entered by building alone, and no instance that was launched can be built again."""
    undoing = {state.name for state in table.STATES if state.undoes}
    entries = {edge.trigger for edge in table.EDGES if edge.dest in undoing and set(edge.sources) - undoing}
    assert entries == {"build"}
