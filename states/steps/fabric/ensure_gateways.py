"""The way out of networks with NAT: from the namespace that is their gateway to its host, and under its address to wherever that leads.

What guests send to their gateway is bridged to it, so their ports' rules judge it. On the host, IPv4 forwarding is switched on: it is the whole
host's, and is not switched off again, since others may have come to need it.
"""

from __future__ import annotations

import ipaddress

from orchestrator.commands.command import Action, Command
from orchestrator.drivers.dhcp import gateway as ways
from orchestrator.drivers.dhcp import site
from orchestrator.facts import dhcp, gateway
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import errors, names
from orchestrator.model.fabric import Fabric, Segment
from orchestrator.states.step import Todo

PATIENCE = 5.0

# Shell: a document for iptables-restore that puts rules of ours in the place of those that name a device. $1 is the table, $2 a chain; the rules come
# by stdin. Ours follow the hooks of security groups, which have to be first.
DOCUMENT = r"""
document() {
  s=$(iptables-save -t "$1") || return 1; c=$o"gw-$2"; echo "*$1"
  printf '%s\n' "$s" | grep -q "^:$c " || echo "-N $c"
  printf '%s\n' "$s" | sed -n "s/^-A \($c .*$d .*\)/-D \1/p"
  cat
  printf '%s\n' "$s" | grep -qx -e "-A $2 -j $c" || {
    k=1; while printf '%s\n' "$s" | grep -e "^-A $2 " | sed -n "${k}p" | grep -q -e '-j orc[0-9a-f]*-'; do k=$((k+1)); done; echo "-I $2 $k -j $c"; }
  echo COMMIT
}
"""
# Fixed scripts, their arguments are data. OPEN: owner, namespace, device, its address, the namespace's, MTU, how many rules follow for the host's
# tables (`<table> <chain> <rule>`), these, and then the namespace's own. The host's rules are there before the cable.
OPEN = (
    DOCUMENT
    + r"""
o=$1 n=$2 d=$3 near=$4 far=$5 mtu=$6 rules=$7 e="ip -n $2"; shift 7
inside() { nsenter --net="/run/netns/$n" "$@"; }
own() { i=0; for r; do i=$((i+1)); [ "$i" -le "$rules" ] || break; case $r in "$t -A $o"gw-"$h "*) echo "${r#* }";; esac; done; }
for both in "filter INPUT" "filter FORWARD" "nat POSTROUTING"; do
  t=${both% *} h=${both#* }; x=$(own "$@" | document "$t" "$h") && printf '%s\n' "$x" | iptables-restore --wait 30 --noflush || exit 1
done
shift "$rules"
for t in filter nat; do
  echo "*$t"
  for r; do case $r in "$t -A "*) echo "${r#* }";; "$t "*) echo ":${r#* } [0:0]";; esac; done
  echo COMMIT
done | inside iptables-restore --wait 30 || exit 1
if ! $e link show dev out >/dev/null 2>&1; then
  [ "$(cat "/sys/class/net/$d/ifalias" 2>/dev/null)" != "$o" ] || ip link del dev "$d" || exit 1
  $e link add name "$d" type veth peer name out || exit 1
fi
if $e link show dev "$d" >/dev/null 2>&1; then $e link set dev "$d" alias "$o" && $e link set dev "$d" netns "$$" || exit 1; fi
[ ! -e "/proc/sys/net/ipv6/conf/$d" ] || echo 1 >"/proc/sys/net/ipv6/conf/$d/disable_ipv6"
ip -4 address flush dev "$d" && ip address add "$near/31" dev "$d" && ip link set dev "$d" mtu "$mtu" up || exit 1
$e -4 address flush dev out && $e address add "$far/31" dev out && $e link set dev out mtu "$mtu" up && $e route replace default via "$near" || exit 1
inside sh -c 'cd /proc/sys/net; [ ! -e ipv6/conf/out ] || echo 1 >ipv6/conf/out/disable_ipv6; echo 1 >ipv4/ip_forward' || exit 1
read -r forward </proc/sys/net/ipv4/ip_forward; [ "$forward" = 1 ] || echo 1 >/proc/sys/net/ipv4/ip_forward
"""
)
# CLOSE: owner, device. The chains go with the last rule in them.
CLOSE = (
    DOCUMENT
    + r"""
o=$1 d=$2
[ "$(cat "/sys/class/net/$d/ifalias" 2>/dev/null)" != "$o" ] || ip link del dev "$d" || exit 1
for both in "filter INPUT" "filter FORWARD" "nat POSTROUTING"; do
  t=${both% *} h=${both#* }; x=$(document "$t" "$h" </dev/null) && printf '%s\n' "$x" | iptables-restore --wait 30 --noflush || exit 1
  s=$(iptables-save -t "$t") || exit 1; c=$o"gw-$h"
  printf '%s\n' "$s" | grep -q -e "^-A $c " || printf '*%s\n-D %s -j %s\n-X %s\nCOMMIT\n' "$t" "$h" "$c" "$c" | iptables-restore --wait 30 --noflush || exit 1
done
"""
)


def needs(fabric: Fabric) -> tuple[Key, ...]:
    owner = names.owner(fabric.lineage)
    return (gateway.Key(owner), *(gateway.Key(owner, site.network(segment)) for segment in ways.wanted(fabric)))


def plan(fabric: Fabric, facts: Facts) -> Todo:
    owner, wanted = names.owner(fabric.lineage), _wanted(fabric, facts)
    found = _host(fabric, facts)
    if wanted and not found.iptables:
        name = next(iter(ways.wanted(fabric))).network.name
        raise errors.HostError(
            "the host has no iptables", why=f"network {name} has a subnet with NAT", hint="install iptables, or set `nat: false`"
        )
    openings = tuple(
        _open(owner, segment, wanted[segment.id]) for segment in ways.wanted(fabric) if _found(owner, segment, facts) != wanted[segment.id]
    )
    actions = (*(_close(owner, device) for device in _stale(fabric, facts)), *openings)
    return Todo("gateways missing, not as they should be, or of no use" if actions else "gateways are as they should be", actions)


def expects(fabric: Fabric, facts: Facts) -> dict[Key, object]:
    owner = names.owner(fabric.lineage)
    wanted = _wanted(fabric, facts)
    stale: dict[Key, object] = {gateway.Key(owner, device[2:]): None for device in _stale(fabric, facts)}
    return stale | {gateway.Key(owner, site.network(segment)): wanted[segment.id] for segment in ways.wanted(fabric)}


def _host(fabric: Fabric, facts: Facts) -> gateway.Found:
    found = facts[gateway.Key(names.owner(fabric.lineage))]
    return found if isinstance(found, gateway.Found) else gateway.Found(False)


def _found(owner: str, segment: Segment, facts: Facts) -> gateway.Gateway:
    found = facts[gateway.Key(owner, site.network(segment))]
    return found if isinstance(found, gateway.Gateway) else gateway.Gateway()


def _wanted(fabric: Fabric, facts: Facts) -> dict[str, gateway.Gateway]:
    """By the segment's id. A cable keeps its addresses."""
    owner, found = names.owner(fabric.lineage), dict[str, gateway.Gateway]()
    taken = {address for _, address in _host(fabric, facts).taken}
    for segment in ways.wanted(fabric):
        before = _found(owner, segment, facts)
        near, far = (before.near, _next(before.near)) if before.near else ways.pair(segment, taken)
        taken |= {near, far}
        found[segment.id] = gateway.Gateway(
            near, far, True, near, True, ways.inside(segment), ways.outside(owner, segment, far), ways.hooks(owner)
        )
    return found


def _next(address: str) -> str:
    return str(ipaddress.ip_address(address) + 1)


def _stale(fabric: Fabric, facts: Facts) -> tuple[str, ...]:
    """Devices that only rules of ours still name, or that lead out of where nothing goes out; but those known to be gone by now."""
    owner, found = names.owner(fabric.lineage), _host(fabric, facts)
    needed = {gateway.device(site.network(segment)) for segment in ways.wanted(fabric)}
    return tuple(each for each in found.devices if each not in needed and facts.get(gateway.Key(owner, each[2:]), found) is not None)


def _open(owner: str, segment: Segment, wanted: gateway.Gateway) -> Action:
    name, device = dhcp.namespace(owner, segment.id), gateway.device(site.network(segment))
    ends = (owner, name, device, wanted.near, wanted.far, str(segment.mtu), str(len(wanted.outside)))
    return Command(("sh", "-c", OPEN, "open-gateway", *ends, *wanted.outside, *wanted.inside), timeout=150)


def _close(owner: str, device: str) -> Action:
    return Command(("sh", "-c", CLOSE, "close-gateway", owner, device), timeout=150)
