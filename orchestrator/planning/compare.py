"""What of a recorded instance the playbook now says otherwise."""

from __future__ import annotations

from orchestrator.model.desired import Desired, InstanceRequest
from orchestrator.model.instance import Instance


def differences(instance: Instance, request: InstanceRequest, desired: Desired) -> tuple[str, ...]:
    """`field: recorded -> wished`, for each field that a running instance cannot take over."""
    flavor = desired.flavors[request.flavor]
    pairs = (
        ("flavor", instance.flavor, flavor),
        ("image", instance.image.name, request.image),
        ("networks", [port.network for port in instance.ports], [wish.network for wish in request.networks]),
        ("keypair", instance.keypair, request.keypair),
        ("user_data", instance.user_data, request.user_data),
        ("config_drive", instance.config_drive, request.config_drive),
        ("metadata", dict(instance.metadata), dict(request.metadata)),
        ("tags", instance.tags, request.tags),
    )
    changed = [f"{name}: {was} -> {wished}" for name, was, wished in pairs if was != wished]
    for port, wish in zip(instance.ports, request.networks, strict=False):
        if wish.fixed_ip and wish.fixed_ip not in port.fixed_ips:
            changed.append(f"fixed_ip: {', '.join(port.fixed_ips)} -> {wish.fixed_ip}")
        if wish.mac and wish.mac != port.mac:
            changed.append(f"mac: {port.mac} -> {wish.mac}")
    return tuple(changed)
