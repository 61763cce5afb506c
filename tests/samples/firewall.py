"""Rules of a host in the situations that they may meet."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from orchestrator.model.fabric import Fabric
from tests.fakes import netfilter
from tests.fakes.host import FakeFleet
from tests.fakes.state import Link, State
from tests.samples import grounds, groups

RULES, FRAMES = "fabric.ensure_rules", "fabric.ensure_frames"
ANOTHER = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
WEB, ADMIN = groups.WEB_GROUP, groups.ADMIN_GROUP
ONE = groups.fabric(groups.ONE, groups=(WEB,))
BOTH = groups.fabric(groups.ONE, groups.TWO, groups=(WEB, ADMIN))
FREE = groups.fabric(replace(groups.ONE, port_security=False), groups=(WEB,))
NONE = groups.fabric()
BARE = groups.fabric(groups.port(1))
ANYWHERE = groups.fabric(groups.port(1, fixed_ips=()))
FLAT = groups.fabric(groups.ONE, network=groups.FLAT, groups=(WEB,))
SERVED = groups.fabric(groups.ONE, groups.TWO, network=groups.SERVED, groups=(WEB, ADMIN))
LESS = replace(BOTH, groups={**BOTH.groups, "web": replace(WEB, rules=tuple(each for each in WEB.rules if each != groups.WEB))})
ALONE = replace(BOTH, groups={**BOTH.groups, "web": replace(WEB, members=groups.ONE.fixed_ips)})


def perform(fabric: Fabric) -> Callable[[State], None]:
    """Rules made for a fabric, on a host that there is already."""

    def arrange(state: State) -> None:
        fleet = FakeFleet()
        fleet.hosts[state.name] = state
        for name in (RULES, FRAMES):
            grounds.perform(fleet, name, fabric)

    return arrange


def case(step: str, name: str, fabric: Fabric, *events: Callable[[State], None], blocked: bool = False) -> grounds.Case:
    """A step where these things happened before."""

    def arrange(state: State) -> None:
        for event in events:
            event(state)

    return grounds.Case(step, name, fabric, arrange, blocked=blocked)


def change(tool: str, *lines: str) -> Callable[[State], None]:
    """What somebody does to the host's rules."""

    def arrange(state: State) -> None:
        assert netfilter.load(state, tool, lines).code == 0

    return arrange


def missing(program: str) -> Callable[[State], None]:
    return lambda state: state.missing.add(program)


def bridges(*calls: str) -> Callable[[State], None]:
    return lambda state: setattr(state, "bridge_nf", calls)


def tap(state: State) -> None:
    """The second port's guest runs."""
    state.links[groups.TWO.tap] = Link("tun", True)


FOREIGN = change(
    "iptables", "*filter", ":theirs - [0:0]", "-A theirs -p tcp -j ACCEPT", "-A FORWARD -j theirs", "-A INPUT -i lo -j ACCEPT", "COMMIT"
)
UNHOOKED = change("iptables", "*filter", "-D FORWARD -j orc7c9e66-FORWARD", "COMMIT")
BEHIND = change("ip6tables", "*filter", "-I FORWARD 1 -j ACCEPT", "COMMIT")
EMPTIED = change("iptables", "*raw", "-F PREROUTING", "-F orc7c9e66-PREROUTING", "COMMIT")
OPENED = change("iptables", "*filter", "-I orc7c9e66-i00000001-aa 1 -j RETURN", "-A orc7c9e66-i00000001-aa -j RETURN", "COMMIT")
FORGED = change("ebtables", "*nat", "-I PREROUTING 1 -j ACCEPT", "-I orc7c9e66-m00000001-aa 1 -j ACCEPT", "COMMIT")

CASES = (
    case(RULES, "no_ports", NONE),
    case(RULES, "first", ONE),
    case(RULES, "beside_others", ONE, FOREIGN),
    case(RULES, "there", ONE, perform(ONE)),
    case(RULES, "another_port", BOTH, perform(ONE)),
    case(RULES, "a_port_less", ONE, perform(BOTH)),
    case(RULES, "a_port_less_whose_guest_runs", ONE, perform(BOTH), tap),
    case(RULES, "last_port_gone", NONE, FOREIGN, perform(BOTH)),
    case(RULES, "last_port_gone_whose_guest_runs", NONE, perform(BOTH), tap),
    case(RULES, "a_rule_less", LESS, perform(BOTH)),
    case(RULES, "a_rule_more", BOTH, perform(LESS)),
    case(RULES, "a_member_less", ALONE, perform(BOTH)),
    case(RULES, "a_member_more", BOTH, perform(ALONE)),
    case(RULES, "without_port_security", FREE),
    case(RULES, "port_security_off", FREE, perform(ONE)),
    case(RULES, "port_security_on", ONE, perform(FREE)),
    case(RULES, "no_groups", BARE),
    case(RULES, "no_addresses", ANYWHERE),
    case(RULES, "on_an_operators_bridge", FLAT),
    case(RULES, "beside_another_store", ONE, perform(replace(BOTH, lineage=ANOTHER))),
    case(RULES, "hook_gone", ONE, perform(ONE), UNHOOKED),
    case(RULES, "hook_not_first", ONE, perform(ONE), BEHIND),
    case(RULES, "chains_emptied", ONE, perform(ONE), EMPTIED),
    case(RULES, "rule_of_somebodys_in_ours", ONE, perform(ONE), OPENED),
    case(RULES, "bridges_pass_no_iptables", ONE, bridges("0", "1"), blocked=True),
    case(RULES, "bridges_pass_no_ip6tables", ONE, bridges("1", "0"), blocked=True),
    case(RULES, "no_br_netfilter", ONE, bridges("none", "none"), blocked=True),
    *(case(RULES, f"no_{tool}", ONE, missing(tool), blocked=True) for tool in ("iptables", "ip6tables", "ipset", "conntrack")),
    case(RULES, "no_tools_and_no_port_security", FREE, *map(missing, ("iptables", "ip6tables", "ipset", "conntrack")), bridges("0", "0")),
    case(FRAMES, "no_ports", NONE),
    case(FRAMES, "first", BOTH),
    case(FRAMES, "there", BOTH, perform(BOTH)),
    case(FRAMES, "another_port", BOTH, perform(ONE)),
    case(FRAMES, "a_port_less", ONE, perform(BOTH)),
    case(FRAMES, "a_port_less_whose_guest_runs", ONE, perform(BOTH), tap),
    case(FRAMES, "last_port_gone", NONE, perform(BOTH)),
    case(FRAMES, "with_a_dhcp_server", SERVED),
    case(FRAMES, "without_port_security", FREE, perform(ONE)),
    case(FRAMES, "no_addresses", ANYWHERE),
    case(FRAMES, "rules_of_somebodys_before_ours", ONE, perform(ONE), FORGED),
    case(FRAMES, "no_ebtables", ONE, missing("ebtables"), blocked=True),
    case(FRAMES, "no_ebtables_and_no_port_security", FREE, missing("ebtables")),
)
