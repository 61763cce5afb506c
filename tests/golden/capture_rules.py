"""Captures what packet filters and ipset of a real kernel answer to the commands of our facts: `python -m tests.golden.capture_rules`, as root."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.facts import bridge_nf, gather, ipset, rules
from tests.fabric import throwaway
from tests.golden import capture

OURS, OTHERS = "orc7c9e66", "orcaaaaaa"
TOOLS = ("iptables", "ip6tables", "ebtables")
SCENES = r"""
set_up() { :; }
theirs() {
  iptables -N theirs; iptables -A theirs -m comment --comment "orc7c9e66-FORWARD, not ours" -j ACCEPT
  iptables -A FORWARD -m comment --comment "-j orc7c9e66-FORWARD" -j theirs; iptables -A FORWARD -i lo -j DROP; iptables -A INPUT -i lo -j ACCEPT
  ip6tables -A INPUT -i lo -j ACCEPT; ebtables -t nat -A PREROUTING -i nowhere -j DROP; ipset create theirs hash:ip; ipset add theirs 192.0.2.1
}
ours() { # owner
  for tool in iptables ip6tables; do
    $tool -N $1-FORWARD; $tool -N $1-accept; $tool -I FORWARD 1 -j $1-FORWARD; $tool -A FORWARD -j $1-accept; $tool -t raw -N $1-PREROUTING
    $tool -A $1-FORWARD -m physdev --physdev-out tap00000001-aa --physdev-is-bridged -j $1-accept; $tool -A $1-FORWARD -p gre -j RETURN
    $tool -A $1-FORWARD -p 6 -m tcp --dport 80:443 -m conntrack --ctstate NEW -j RETURN; $tool -A $1-FORWARD -p 143 -j DROP
    $tool -A $1-FORWARD -m mac --mac-source FA:16:3E:00:00:0A -j RETURN; $tool -t raw -A $1-PREROUTING -i br0 -j CT --zone 4097
  done
  iptables -A $1-FORWARD -s 10.20.0.10 -p icmp --icmp-type 8/0 -j RETURN; iptables -A $1-FORWARD -s 10.1.2.3/8 -j $1-accept
  ip6tables -A $1-FORWARD -s ::ffff:1.2.3.4 -d 2001:DB8::/32 -p icmpv6 --icmpv6-type 134 -j DROP
  ebtables -t nat -N $1-PREROUTING -P RETURN; ebtables -t nat -A $1-PREROUTING -i tap0 -s ! FA:16:3E:0:0:A -j DROP
  ebtables -t nat -A $1-PREROUTING -p ARP --arp-ip-src 10.20.0.10 --arp-mac-src fa:16:3e:00:00:0a -j RETURN
  ebtables -t nat -I PREROUTING 1 -j $1-PREROUTING
  ipset create $1-4aaaaaaaaaa hash:net; ipset create $1-6aaaaaaaaaa hash:net family inet6
  for each in 10.20.0.11 10.20.0.2 10.30.0.0/16; do ipset add $1-4aaaaaaaaaa $each; done; ipset add $1-6aaaaaaaaaa 2001:DB8::A
}
without() { for tool; do mount --bind /dev/null "$(command -v $tool)"; done; }
off() { echo 0 >/proc/sys/net/bridge/bridge-nf-call-ip6tables; without conntrack; }
unloaded() { mount -t tmpfs none /proc/sys/net/bridge; }
clean_up() { :; }
"""
EVERY = tuple(rules.Key(tool, owner) for tool in TOOLS for owner in (OURS, OTHERS))
CASES: dict[str, tuple[str, Sequence[gather.Key]]] = {
    "rules/nothing": ("", EVERY),
    "rules/others": ("theirs", EVERY),
    "ipset/others": ("", (ipset.Key(OURS),)),
    "rules/ours": ("ours orc7c9e66", EVERY),
    "ipset/ours": ("", (ipset.Key(OURS), ipset.Key(OTHERS))),
    "rules/several_stores": ("ours orcaaaaaa", EVERY),
    "bridge_nf/on": ("", (bridge_nf.Key(),)),
    "bridge_nf/off": ("off", (bridge_nf.Key(),)),
    "bridge_nf/unloaded": ("unloaded", (bridge_nf.Key(),)),
    "rules/no_tools": ("without iptables-save ipset", EVERY),
    "ipset/no_tool": ("", (ipset.Key(OURS),)),
}

if __name__ == "__main__":
    with throwaway.host() as found:
        capture.play(["nsenter", f"--target={found.pid}", "--net", "--mount", "--pid", "sh", "-c"], CASES, SCENES, "set_up")
