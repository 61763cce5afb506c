"""Playbooks: what an operator wishes for, read whole, checked whole.

A play's values go one way: YAML nodes (places kept) -> variables and expressions worked out -> each entry read into its Struct -> names,
references, addresses and sizes checked across all files -> the model's nouns. A new key is a field in `entries` or `networking`, a new kind of entry a
Struct there and a module with its checks and its builder (`nouns`, `networks`, `groups`, `volumes`); what is known but not acted on yet stands in `later`. May import
what files may. Never here: hosts, the store, decisions.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path

from orchestrator.files.playbook import (
    addresses,
    catalog,
    findings,
    fit,
    groups,
    networks,
    nouns,
    plays,
    rolling,
    selection,
    server_groups,
    subnets,
    volumes,
)
from orchestrator.files.playbook.schema import schema
from orchestrator.model import desired, errors, host

__all__ = ["load", "schema"]

MAX_ENTRIES = 50_000


def load(
    paths: Sequence[Path],
    inventory: host.Inventory,
    variables: Mapping[str, object],
    tags: Sequence[str] = (),
    skip_tags: Sequence[str] = (),
    *,
    digests: MutableMapping[str, str] | None = None,
) -> desired.Desired:
    """What the playbooks at `paths` wish for together; instances only as far as `tags` and `skip_tags` select them.

    `variables` win over the files'. `digests` remembers the checksums of image files from one call to the next. Reads local files only.
    Raises SpecErrors with everything that is wrong, in the order of places.
    """
    found = findings.Findings()
    request = plays.Request(inventory, variables, selection.of(tags, skip_tags))
    declared: list[plays.Declared] = []
    for path in paths:
        for each in plays.read(path, request, found):
            declared.append(each)
            if len(declared) > MAX_ENTRIES:
                raise errors.SpecErrors([errors.SpecError(f"more than {MAX_ENTRIES} entries", str(each.node.mark))])
    every = catalog.of(declared, found)
    catalog.check_references(every, found)
    networks.check_providers(every, found)
    subnets.check_subnets(every, found)
    addresses.check_ports(every, found)
    groups.check_rules(every, found)
    groups.check_members(every, found)
    volumes.check(every, found)
    server_groups.check(every, found)
    rolling.check_notify(every, found)
    images = nouns.images(every, {} if digests is None else digests, found)
    nouns.check_sizes(every, images, found)
    fit.check_hardware(every, found)
    volumes.check_sizes(every, images, found)
    worked_off, instances = rolling.worked_off(every, nouns.instances(every, found))
    wished = desired.Desired(
        flavors=nouns.flavors(every),
        images=images,
        networks=networks.networks(every),
        keypairs=nouns.keypairs(every, found),
        instances=instances,
        security_groups=groups.security_groups(every),
        volumes=volumes.volumes(every),
        server_groups=server_groups.server_groups(every),
        plays=worked_off,
    )
    found.finish()
    return wished
