"""The steps of a guest that others made, in the situations that are its own."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from orchestrator.model.instance import Instance
from orchestrator.rendering import domain as rendering
from tests.fakes.state import Directory, State
from tests.samples import adopted, events
from tests.samples.situations import Case

GUEST = adopted.instance()
STARTING = replace(GUEST, autostart=True)
XML, DEFINE, START = "spawning.write_domain_xml", "spawning.define_domain", "spawning.start_domain"
VOLUMES, PLUG = "block_device_mapping.create_volumes", "updating.plug_volumes"
DESTROY, UNDEFINE, REMOVE = "teardown.destroy_domain", "teardown.undefine_domain", "teardown.remove_directory"


def there(*, start: bool = True, marked: bool = False, file: bool = True, autostart: bool = False) -> Callable[[State, Instance], None]:
    """The guest as others made it, or marked by us; its own directory is there."""

    def arrange(state: State, instance: Instance) -> None:
        found = adopted.foreign(state, 1, start=start)
        state.files["/var/lib/nova"] = state.files["/var/lib/nova/instances"] = state.files[instance.directory] = Directory()
        events.write_xml(state, instance)
        if marked:
            found.xml = rendering.xml(instance)
        found.autostart = autostart
        if not file:
            del state.files["/srv/theirs1.img"]

    return arrange


CASES = (
    Case(XML, "of_others", GUEST, there()),
    Case(DEFINE, "of_others", GUEST, there()),
    Case(DEFINE, "of_others_marked", GUEST, there(marked=True)),
    Case(DEFINE, "starts_with_its_host", STARTING, there(marked=True, autostart=True)),
    Case(DEFINE, "started_with_its_host", STARTING, there(marked=True)),
    Case(DEFINE, "is_to_start_with_its_host", STARTING, lambda state, instance: events.write_xml(state, instance)),
    Case(UNDEFINE, "started_with_its_host", STARTING, there(start=False, marked=True, autostart=True)),
    Case(START, "of_others", GUEST, there(start=False, marked=True)),
    Case(VOLUMES, "of_others", GUEST, there()),
    Case(VOLUMES, "of_others_missing", GUEST, there(file=False), blocked=True),
    Case(PLUG, "of_others", GUEST, there(marked=True)),
    Case(DESTROY, "of_others", GUEST, there(marked=True)),
    Case(REMOVE, "of_others", GUEST, there()),
)
