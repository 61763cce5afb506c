"""From the rules that are there to those that are wanted: one document for `iptables-restore --noflush`, of what differs alone.

Each of its tables is one transaction: all of it, or nothing. What does not differ keeps its counters, and nobody else's rule is in it.
"""

from __future__ import annotations

import collections
import difflib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec import Struct

from orchestrator.commands.command import Command
from orchestrator.facts.rules import FOREIGN, Needed, Rule, Rules, rule, shortened

FILTER = r"""
!want && $0 == "--" { want = 1; next }
want && ++line > lines { next }
/^[*]/ { table = $0 }
!want { if (/^:/) chain[table, substr($1, 2)]; else has[table, $0]++; next }
/^:/ && ((table, substr($1, 2)) in chain) { next }
/^-[AID] / { rule = $0; sub(/^-(A|D|I) [^ ]+( [0-9]+)?/, "-A " $2, rule) }
/^-D / { if (!has[table, rule]) next; has[table, rule]-- }
/^-[AI] / { if (has[table, rule]) next; has[table, rule]++ }
/^-[FX] / && !((table, $2) in chain) { next }
{ print }"""
"""awk: leaves out of a document of so many `lines` what another run has done meanwhile."""

LIVE = r"""
!seen && $0 == "--" { seen = 1; next }
!seen {
  key = ""; flow[++n] = $0
  for (i = 1; i < NF; i++) if (!key && ($i == "-s" || $i == "-d") && $(i + 1) !~ "/") key = ($i == "-s" ? "src=" : "dst=") $(i + 1)
  if (key) of[key] = of[key] " " n; else live[n] = 1
  next }
$0 == "= unknown" { all = 1 }
{ for (i = 1; i <= NF; i++) if ($i in of) { m = split(of[$i], each, " "); while (m) live[each[m--]] = 1; delete of[$i] } }
END { for (i = 1; i <= n; i++) if (all || live[i]) print flow[i] }"""
"""awk: of the flows before `--`, those that an entry after it may belong to; all of them where the entries could not be listed."""

CUT = (
    """entries() { case " $* " in *" $family "*) conntrack -L -f "$family" 2>/dev/null || echo "= unknown" ;; esac; }
live() { printf '%s\\n' "$@" --; for family in ipv4 ipv6; do entries "$@"; done; }
cut() {
[ "$#" -gt 0 ] || return 0
flows=$(live "$@" | awk '"""
    + LIVE
    + """') || return
while read -r flow; do [ -z "$flow" ] || while ! said=$(conntrack -D $flow </dev/null 2>&1); do case $said in
*" 0 flow entries have been deleted"*) break ;;
*"such conntrack doesn't exist"*) ;;
*) echo "$said"; return 1 ;; esac; done; done <<EOF
$flows
EOF
}
"""
)
"""Shell: deletes the conntrack entries of each flow. That there is none is no error; nor that one ended by itself meanwhile, but others may be left. To
delete goes through the kernel's whole table, 10 ms at its least, and most flows of a new port have no entry: so the table is read once for all of them.
The kernel's own text of it (/proc/net/nf_conntrack) would take 1 ms where there are few entries; until Linux 6.16 it counts from the first anew for each page
that is read (nf_conntrack_standalone.c `ct_get_idx`): hours where there are many, and where entries end meanwhile it leaves out as many others.
"""

SCRIPT = (
    CUT
    + """tool=$1 lines=$2 gone=$3; shift 3
for each in $gone; do [ ! -e "/sys/class/net/$each" ] || { echo "$each is there again: its rules stay"; exit 1; }; done
there=$("$tool-save") || exit
document=$(printf '%s\\n' "$there" -- "$@" | awk -v lines="$lines" '"""
    + FILTER
    + """') || exit
shift "$lines"
restore() { printf '%s\\n' "$document" | "$tool-restore" --noflush "$@"; }
write() { case $tool in ebtables) restore ;; *) restore --test -w 30 && restore -w 30 ;; esac; }
cut "$@" && write && cut "$@"
"""
)
"""First tested as a whole: a document that is refused changes nothing, and its error is what is said. ebtables cannot test. Flows are cut before
anything is written, so that where they cannot be the next plan finds all as it was; and again, since they may have begun anew until then.
"""

Mine = Callable[[str], bool]
"""Whether a `<table>/<chain>` is to be as wanted, or gone."""


class Change(Struct, frozen=True):
    """`lines` of the document, none when nothing differs; `rules`: what will be there afterwards."""

    lines: tuple[str, ...]
    rules: Rules


def command(tool: str, lines: Iterable[str], gone: Iterable[str] = (), flows: Iterable[str] = ()) -> Command:
    """What makes it so. `gone`: taps that must not be there for it; `flows`: then cut, each as `conntrack -D` takes it."""
    document = tuple(lines)
    cut = tuple(flows)
    argv = ("sh", "-c", SCRIPT, "restore-rules", tool, str(len(document)), " ".join(gone), *document, *cut)
    return Command(argv, timeout=patience(len(cut)))


def patience(flows: int) -> int:
    """Seconds for a command that cuts so many flows, twice: each time conntrack goes through its whole table."""
    return 60 + 2 * flows


def needed(made: Change, found: Rules) -> Needed:
    """What is to be there once `made` is done where `found` was: another run's rules may come beside it."""
    return Needed(made.rules.chains, made.rules.hooks, made.rules.trouble, found)


def change(
    found: Rules, chains: Mapping[str, Iterable[str]], hooks: Mapping[str, tuple[str, ...]], mine: Mine, policy: str = "- [0:0]"
) -> Change:
    """What makes the chains that are `mine`, and the jumps into them, as they are wanted; each rule once. `policy` is what a new chain is declared with."""
    wanted = {path: _once(each) for path, each in chains.items()}
    unwanted = [path for path in found.chains if mine(path) and path not in wanted]
    places = {place: _Hooks(place, found.hooks.get(place, ()), hooks.get(place, ()), mine) for place in sorted({*found.hooks, *hooks})}
    lines: list[str] = []
    for table in sorted({path.partition("/")[0] for path in (*wanted, *unwanted, *places)}):
        steps = [*_table(table, found, wanted, policy), *_hooked(table, places), *_removed(table, unwanted)]
        steps.sort(key=lambda step: step[0])
        lines += [f"*{table}", *(line for _, line in steps), "COMMIT"] if steps else []
    kept = {path: each for path, each in found.chains.items() if path not in unwanted}
    hooked = {place: shortened(each.after) for place, each in places.items()}
    return Change(tuple(lines), Rules(kept | wanted, {place: each for place, each in hooked.items() if each}))


def _once(texts: Iterable[str]) -> tuple[Rule, ...]:
    """Each rule once, however it is written."""
    rules = tuple(map(rule, dict.fromkeys(texts)))
    return rules if len({each.spec for each in rules}) == len(rules) else tuple(dict.fromkeys(rules))


MAKE, UNHOOK, DROP, ADD, HOOK, REMOVE = range(6)
"""The order within a table: nothing is named before it is there, and nothing taken away while it is named."""


def _table(table: str, found: Rules, wanted: Mapping[str, tuple[Rule, ...]], policy: str) -> Iterator[tuple[int, str]]:
    for path, rules in sorted(wanted.items()):
        if not path.startswith(f"{table}/"):
            continue
        chain = path.partition("/")[2]
        if path not in found.chains:
            yield MAKE, f":{chain} {policy}"
        if (before := found.chains.get(path, ())) != rules:  # hardly ever
            yield from _differences(chain, before, rules)


def _differences(chain: str, before: tuple[Rule, ...], after: tuple[Rule, ...]) -> Iterator[tuple[int, str]]:
    """A rule that is there twice goes and comes back: by its words alone, tools take away the first one."""
    count = collections.Counter(each.spec for each in before)
    once = [each for each in before if count[each.spec] == 1]
    blocks = difflib.SequenceMatcher(
        None, [each.spec for each in once], [each.spec for each in after], autojunk=False
    ).get_matching_blocks()
    kept = {once[block.a + n].spec for block in blocks for n in range(block.size)}
    same = {block.b + n for block in blocks for n in range(block.size)}
    yield from ((DROP, f"-D {chain} {each.text}") for each in before if each.spec not in kept)
    for place, each in enumerate(after):
        if place not in same:
            last = not any(other in same for other in range(place, len(after)))
            yield ADD, f"-A {chain} {each.text}" if last else f"-I {chain} {place + 1} {each.text}"


def _removed(table: str, unwanted: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Emptied before any is removed: they may lead into each other."""
    chains = [path.partition("/")[2] for path in sorted(unwanted) if path.startswith(f"{table}/")]
    yield from ((REMOVE, f"-F {chain}") for chain in chains)
    yield from ((REMOVE, f"-X {chain}") for chain in chains)


def _hooked(table: str, places: Mapping[str, _Hooks]) -> Iterator[tuple[int, str]]:
    for place, hooks in places.items():
        if place.startswith(f"{table}/"):
            yield from hooks.lines


class _Hooks:
    """How a built-in chain comes to lead into ours first. `after` is what it does then."""

    def __init__(self, place: str, found: tuple[str, ...], wanted: tuple[str, ...], mine: Mine) -> None:
        table, _, self.chain = place.partition("/")
        self.lines: list[tuple[int, str]] = []
        self.after = list(found)
        for name in dict.fromkeys(each for each in found if mine(f"{table}/{each}") and each not in wanted):
            self._drop(name)
        for name in wanted:
            if self.after.count(name) != 1 or not self._well_placed(name):
                self._drop(name)
                judges = len(list(itertools.takewhile(self._judges, self.after)))
                at = 0 if self._judges(name) else judges
                self.after.insert(at, name)
                self.lines.append((HOOK, f"-I {self.chain} {at + 1} -j {name}"))

    def _judges(self, name: str) -> bool:
        """A store's chain that is called as the built-in one judges; others come after every store's judgement."""
        return name.endswith(f"-{self.chain}")

    def _well_placed(self, name: str) -> bool:
        before, behind = self.after[: self.after.index(name)], self.after[self.after.index(name) + 1 :]
        if self._judges(name):
            return all(self._judges(each) for each in before)
        return FOREIGN not in before and not any(self._judges(each) for each in behind)

    def _drop(self, name: str) -> None:
        self.lines += [(UNHOOK, f"-D {self.chain} -j {name}") for each in self.after if each == name]
        self.after = [each for each in self.after if each != name]
