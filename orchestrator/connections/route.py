"""The way to a host: its address, user, keys, and the hosts jumped through; from the inventory and ~/.ssh/config."""

from __future__ import annotations

import getpass
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from orchestrator.connections import known_hosts, ssh_config
from orchestrator.model import errors
from orchestrator.model.host import Host

LONGEST = 8
"""Hosts jumped through at most: a configuration that jumps in a circle ends here."""


class Hop(Struct, frozen=True):
    """One SSH server on the way. `label` names it in errors. `strict`: an unknown key is refused."""

    label: str
    address: str
    port: int
    user: str
    private_key_file: str | None
    identity_files: tuple[str, ...]
    identities_only: bool
    known_hosts: tuple[str, ...]
    strict: bool

    @property
    def where(self) -> str:
        return f"{self.label} ({self.address}:{self.port})"


def resolve(host: Host, config: ssh_config.Config) -> tuple[Hop, ...]:
    """The servers to pass through, the host itself last. Raises HostError for what cannot be followed (ProxyCommand, a circle of jumps)."""
    try:
        return _hops(host, config)
    except ValueError as error:
        raise errors.HostError("an SSH option cannot be used", where=host.name, why=str(error)) from error


def _hops(host: Host, config: ssh_config.Config) -> tuple[Hop, ...]:
    explicit = {name.lower(): value for name, value in host.ssh_options.items()}
    options = {**config.options(host.address), **explicit}
    if host.user:
        options["user"] = host.user
    if host.port != 22 or "port" not in options:
        options["port"] = str(host.port)
    everywhere = {k: v for k, v in explicit.items() if k not in ("hostname", "port", "user", "proxyjump", "hostkeyalias")}
    hops = (*_jumps(host, options, config, everywhere), _hop(host, host.name, host.address, options))
    if len(hops) > LONGEST:
        raise errors.HostError("too many hosts to jump through", where=host.name, hint="does ProxyJump go in a circle?")
    return hops


def _jumps(
    host: Host, options: Mapping[str, Any], config: ssh_config.Config, everywhere: Mapping[str, str], depth: int = 0
) -> tuple[Hop, ...]:
    if str(options.get("proxycommand", "none")).lower() != "none":
        raise errors.HostError("ProxyCommand is not supported", where=host.name, hint="use ProxyJump")
    jumps = str(options.get("proxyjump", "none"))
    if jumps.lower() == "none" or depth > LONGEST:
        return ()
    hops: tuple[Hop, ...] = ()
    for number, jump in enumerate(part.strip() for part in jumps.split(",")):
        name, given = _spec(jump)
        own = {**config.options(name), **everywhere, **given}
        if number == 0:  # only the first is reached from here, so only its own jumps count
            hops += _jumps(host, own, config, everywhere, depth + 1)
        hops += (_hop(host, f"{host.name} through {name}", name, own),)
    return hops


def _spec(jump: str) -> tuple[str, dict[str, str]]:
    """`[ssh://][user@]host[:port]` as the host's name and options; an IPv6 address stands in brackets."""
    user, _, place = jump.removeprefix("ssh://").rpartition("@")
    head, colon, port = place.rpartition(":")
    if not (colon and port.isdigit() and (head.endswith("]") or ":" not in head)):
        head, port = place, ""
    given = {"user": user, "port": port}
    return head.strip("[]"), {name: value for name, value in given.items() if value}


def _hop(host: Host, label: str, name: str, options: Mapping[str, Any]) -> Hop:
    files = str(options.get("userknownhostsfile", ""))
    known = tuple(str(Path(file).expanduser()) for file in shlex.split(files))
    identities = options.get("identityfile", ())
    return Hop(
        label=label,
        address=str(options.get("hostname", name)),
        port=int(options.get("port", 22)),
        user=str(options.get("user") or getpass.getuser()),
        private_key_file=host.private_key_file,
        identity_files=(identities,) if isinstance(identities, str) else tuple(identities),
        identities_only=str(options.get("identitiesonly", "no")).lower() == "yes",
        known_hosts=(*known, *known_hosts.default_files()[1:]) if known else known_hosts.default_files(),
        strict=str(options.get("stricthostkeychecking", "ask")).lower() not in ("no", "off"),
    )
