"""Kinds of damage to a host and its guests: how each is done to a host in memory, and by a shell on a real one; what a diagnosis calls it, and what mending it costs.

In memory a damage tolerates that an earlier one took away what it would break. A real one is told `uuid`, `domain`, `dir`, `base`, `tap`, `bridge`, `tunnel`,
`port` (the first characters of the first port's id), `owner`, `volume` (an id) and its `file` in the shell's variables; `restore` takes back what no repair can.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.model import names
from orchestrator.model.instance import Instance
from orchestrator.planning.diagnosis import Repair
from orchestrator.rendering import domain as rendering
from orchestrator.rendering import volumes
from tests.fakes import iproute, libvirt, processes
from tests.fakes.host import FakeFleet
from tests.fakes.state import Domain, File, State

LIVE, RESTART, REBOOT, CANNOT = Repair.LIVE, Repair.RESTART, Repair.REBOOT, Repair.CANNOT
Done = Callable[[State, Instance], None]


@dataclass(frozen=True)
class Damage:
    """`cause` and `repair` are what a diagnosis is to say of it. `whole`: it is the host's, not the instance's. `shell` "": only in memory."""

    name: str
    cause: str
    repair: Repair
    do: Done
    shell: str = ""
    restore: str = ""
    whole: bool = False
    fails: str = ""  # the host's commands that hold this fail

    def inflict(self, fleet: FakeFleet, instance: Instance) -> None:
        """Do it to the instance's host in memory."""
        self.do(fleet.hosts[instance.host], instance)
        if self.fails:
            fleet.fail(instance.host, self.fails, stderr="error: failed to connect to the hypervisor")
        fleet.save()


def _base(instance: Instance, kind: str = "image") -> str:
    return next(disk.base.path for disk in instance.disks if disk.base.kind == kind)


def _running(state: State, instance: Instance) -> Domain | None:
    found = state.domains.get(instance.domain)
    return found if found and found.active else None


def lose(path: Callable[[Instance], str]) -> Done:
    return lambda state, instance: state.files.pop(path(instance), None) and None  # type: ignore[func-returns-value]


def rewrite(path: Callable[[Instance], str], change: Callable[[bytes], bytes]) -> Done:
    def do(state: State, instance: Instance) -> None:
        if file := state.file(path(instance)):
            content = change(file.content)
            state.files[path(instance)] = File(content, len(content) if len(content) < len(file.content) else file.size, file.mode)

    return do


def running(change: Callable[[State, Domain], None]) -> Done:
    """Something that happens to a guest that runs."""

    def do(state: State, instance: Instance) -> None:
        if found := _running(state, instance):
            change(state, found)

    return do


def domain(change: Callable[[State, Domain], None]) -> Done:
    def do(state: State, instance: Instance) -> None:
        if found := state.domains.get(instance.domain):
            change(state, found)

    return do


def device(name: Callable[[Instance], str], **changes: object) -> Done:
    """A network device otherwise; without changes, gone."""

    def do(state: State, instance: Instance) -> None:
        if not changes:
            iproute.remove(state, name(instance))
        elif found := state.links.get(name(instance)):
            for field, value in changes.items():
                setattr(found, field, value)

    return do


def rules(tool: str, table: str, change: Callable[[dict[str, list[str]], Instance], None]) -> Done:
    def do(state: State, instance: Instance) -> None:
        change(state.filters.get(tool, {}).get(table, {}), instance)

    return do


def _chain(instance: Instance, letter: str) -> str:
    return f"{names.owner(instance.lineage)}-{letter}{instance.ports[0].id[:11]}"


def _unhook(chains: dict[str, list[str]], instance: Instance) -> None:
    owner = names.owner(instance.lineage)
    chains["FORWARD"] = [rule for rule in chains.get("FORWARD", []) if rule != f"-j {owner}-FORWARD"]


def _flush(letter: str) -> Callable[[dict[str, list[str]], Instance], None]:
    def change(chains: dict[str, list[str]], instance: Instance) -> None:
        chains.get(_chain(instance, letter), []).clear()

    return change


def _open(chains: dict[str, list[str]], instance: Instance) -> None:
    chains.get(_chain(instance, "i"), []).insert(0, "-j ACCEPT")


def _leave(state: State, instance: Instance) -> None:
    for _, members in state.sets.values():
        members[:1] = []


def _serve_nothing(state: State, instance: Instance) -> None:
    for namespace in state.namespaces.values():
        namespace.servers = []


def _forget_peers(state: State, instance: Instance) -> None:
    for link in state.links.values():
        link.flood = []


def _withdraw(state: State, instance: Instance) -> None:
    state.targets.clear()


def _forget_secrets(state: State, instance: Instance) -> None:
    state.secrets.clear()


def _redefine(state: State, found: Domain) -> None:
    found.xml = found.xml.replace('<memory unit="MiB">64<', '<memory unit="MiB">128<')


def _undefine(state: State, found: Domain) -> None:
    libvirt.virsh(state, ("virsh", "-q", "-c", libvirt.URI, "undefine", "--domain", found.name, "--keep-nvram"), b"")


def _away(state: State, found: Domain) -> None:
    if found.active:
        libvirt.end(state, found, "destroyed")
    if found.name in state.domains:
        _undefine(state, found)


def _cut(state: State, instance: Instance) -> None:
    if file := state.file(ROOT(instance)):
        state.files[ROOT(instance)] = File(file.content, 70000, file.mode)


def _mode(state: State, instance: Instance) -> None:
    if found := state.files.get(instance.directory):
        found.mode = 0o777


ROOT, SWAP = lambda instance: instance.disks[0].path, lambda instance: f"{instance.directory}/disk.swap"
TAP, BRIDGE = lambda instance: instance.ports[0].tap, lambda instance: instance.ports[0].bridge
XML = lambda instance: f"{instance.directory}/libvirt.xml"  # noqa: E731
PID = "$(cat /run/libvirt/qemu/$domain.pid)"
LIBVIRTD = "pid=$(cat /run/libvirtd.pid 2>/dev/null || pgrep -x libvirtd | head -n 1)"
RESTART_LIBVIRTD = "libvirtd -d"

DAMAGES = (
    Damage("base_missing", "base-missing", LIVE, lose(_base), 'rm "$base"'),
    Damage(
        "base_flipped",
        "base-damaged",
        CANNOT,
        rewrite(_base, lambda data: data[:-1] + b"X"),
        'cp "$base" "$base.kept"; printf X | dd of="$base" bs=1 seek=99999 conv=notrunc status=none',
        'cat "$base.kept" >"$base"; rm "$base.kept"',
    ),
    Damage("swap_base_missing", "swap-base-missing", LIVE, lose(lambda each: _base(each, "swap")), 'rm "${base%/*}"/swap_*'),
    Damage(
        "overlay_deleted", "overlay-missing", CANNOT, lose(ROOT), 'ln "$dir/disk" "$dir/kept"; rm "$dir/disk"', 'mv "$dir/kept" "$dir/disk"'
    ),
    Damage(
        "overlay_header_destroyed",
        "overlay-damaged",
        CANNOT,
        rewrite(ROOT, lambda data: bytes(512) + data[512:]),
        'head -c 4096 "$dir/disk" >"$dir/kept"; dd if=/dev/zero of="$dir/disk" bs=512 count=1 conv=notrunc status=none',
        'dd if="$dir/kept" of="$dir/disk" conv=notrunc status=none; rm "$dir/kept"',
    ),
    Damage(
        "overlay_truncated",
        "overlay-truncated",
        CANNOT,
        _cut,
        'cp "$dir/disk" "$dir/kept"; truncate -s 70000 "$dir/disk"',
        'cat "$dir/kept" >"$dir/disk"; rm "$dir/kept"',
    ),
    Damage(
        "overlay_rebased",
        "overlay-rebased",
        CANNOT,
        rewrite(ROOT, lambda data: data[:0x210] + b"/tmp" + data[0x214:]),
        'head -c 4096 "$dir/disk" >"$dir/kept"; at=$(head -c 4096 "$dir/disk" | grep -abo /var/lib | head -n 1); '
        'printf /tmp | dd of="$dir/disk" bs=1 seek="${at%%:*}" conv=notrunc status=none',
        'dd if="$dir/kept" of="$dir/disk" conv=notrunc status=none; rm "$dir/kept"',
    ),
    Damage("xml_missing", "xml-missing", LIVE, lose(XML), 'rm "$dir/libvirt.xml"'),
    Damage("xml_edited", "xml-edited", LIVE, rewrite(XML, lambda data: data + b"\n"), 'echo >>"$dir/libvirt.xml"'),
    Damage("config_drive_missing", "config-drive-missing", LIVE, lose(rendering.config_drive_path), 'rm "$dir/disk.config"'),
    Damage("directory_open_to_all", "directory-mode", LIVE, _mode, 'chmod 0777 "$dir"'),
    Damage("undefined_while_running", "domain-transient", LIVE, running(_undefine), "virsh -q undefine $domain"),
    Damage("undefined_and_off", "domain-undefined", RESTART, domain(_away), "virsh -q destroy $domain; virsh -q undefine $domain"),
    Damage(
        "redefined",
        "domain-redefined",
        LIVE,
        domain(_redefine),
        "virsh -q dumpxml --inactive $domain | sed 's/65536/131072/' >/tmp/redefined.xml; virsh -q define /tmp/redefined.xml",
    ),
    Damage(
        "qemu_killed",
        "domain-crashed",
        RESTART,
        running(lambda state, found: libvirt.end(state, found, "crashed")),
        f"kill -9 {PID}; sleep 1",
    ),
    Damage(
        "destroyed_by_hand",
        "domain-destroyed",
        RESTART,
        running(lambda state, found: libvirt.end(state, found, "destroyed")),
        "virsh -q destroy $domain",
    ),
    Damage(
        "suspended_by_hand", "paused", LIVE, running(lambda state, found: setattr(found, "state", "paused")), "virsh -q suspend $domain"
    ),
    Damage("qemu_stopped", "process-stopped", LIVE, running(lambda state, found: setattr(found, "stopped", True)), f"kill -STOP {PID}"),
    Damage(
        "libvirt_forgot_it",
        "unmanaged-qemu",
        REBOOT,
        running(processes.forget),
        f"{LIBVIRTD}; kill -9 $pid; rm -f /run/libvirt/qemu/$domain.*; sleep 1; {RESTART_LIBVIRTD}; "
        "n=0; until virsh -q list >/dev/null 2>&1; do n=$((n + 1)); [ $n -lt 50 ] || exit 1; sleep 0.2; done",
    ),
    Damage("bridge_deleted", "bridge-missing", LIVE, device(BRIDGE), "ip link del $bridge"),
    Damage("bridge_down", "bridge-down", LIVE, device(BRIDGE, up=False), "ip link set $bridge down"),
    Damage("tap_out_of_its_bridge", "tap-unplugged", LIVE, device(TAP, master=None), "ip link set $tap nomaster"),
    Damage("tap_deleted", "tap-missing", REBOOT, device(TAP), "ip link del $tap"),
    Damage("port_chain_flushed", "rules-missing", LIVE, rules("iptables", "filter", _flush("i")), "iptables -F $owner-i$port"),
    Damage("jump_removed", "jump-missing", LIVE, rules("iptables", "filter", _unhook), "iptables -D FORWARD -j $owner-FORWARD"),
    Damage("foreign_accept_in_our_chain", "rules-foreign", LIVE, rules("iptables", "filter", _open), "iptables -I $owner-i$port -j ACCEPT"),
    Damage("frames_chain_flushed", "rules-missing", LIVE, rules("ebtables", "nat", _flush("m")), "ebtables -t nat -F $owner-m$port"),
    Damage(
        "member_removed",
        "member-missing",
        LIVE,
        _leave,
        'ipset save | grep "^add $owner" | head -n 1 | while read -r add set member; do ipset del $set $member; done',
    ),
    Damage(
        "dnsmasq_killed",
        "dhcp-down",
        LIVE,
        _serve_nothing,
        "kill -9 $(grep -ls -e dhcp-hostsfile=[/]var/lib/orchestrator/dhcp/$owner /proc/[0-9]*/cmdline | cut -d / -f 3); sleep 1",
    ),
    Damage("vxlan_deleted", "vxlan-missing", LIVE, device(lambda instance: "vxlan-77"), "ip link del $tunnel"),
    Damage(
        "peer_forgotten",
        "peer-missing",
        LIVE,
        _forget_peers,
        "bridge fdb show dev $tunnel | grep '^00:00:00:00:00:00 dst' | while read -r mac dst peer rest; do bridge fdb del $mac dev $tunnel dst $peer; done",
    ),
    Damage(
        "target_withdrawn",
        "volume-not-offered",
        LIVE,
        _withdraw,
        "t='tgtadm --lld iscsi --mode target --op'; $t delete --force --tid $($t show | sed -n \"s/^Target \\([0-9]*\\): .*$volume$/\\1/p\")",
    ),
    Damage("secret_forgotten", "volume-disconnected", LIVE, _forget_secrets, "virsh -q secret-undefine $volume"),
    Damage(
        "volume_pulled_out",
        "volume-unplugged",
        LIVE,
        running(lambda state, found: found.volumes.clear()),
        'virsh -q detach-disk --live $domain $(virsh -q domblklist $domain | sed -n "s/^ *\\([^ ]*\\) .*$volume.*/\\1/p")',
    ),
    Damage(
        "volume_lost",
        "volume-missing",
        CANNOT,
        lose(lambda instance: volumes.path(instance.volumes[0].volume)),
        'mv "$file" "$file.kept"',
        'mv "$file.kept" "$file"',
    ),
    Damage(
        "bridges_not_filtered",
        "bridge-nf-off",
        CANNOT,
        lambda state, instance: setattr(state, "bridge_nf", ("0", "1")),
        "sysctl -qw net.bridge.bridge-nf-call-iptables=0",
        "sysctl -qw net.bridge.bridge-nf-call-iptables=1",
        whole=True,
    ),
    Damage(
        "libvirtd_dead",
        "libvirt-silent",
        CANNOT,
        lambda state, instance: None,
        f"{LIBVIRTD}; kill -9 $pid; rm -f /run/libvirt/libvirt-sock; sleep 0.5",
        f"{RESTART_LIBVIRTD}; n=0; until virsh -q list >/dev/null 2>&1; do n=$((n + 1)); [ $n -lt 50 ] || exit 1; sleep 0.2; done",
        whole=True,
        fails="virsh",
    ),
)
