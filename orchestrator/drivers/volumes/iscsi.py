"""A volume as a file of a storage host, exported by tgt: a target of its own, LUN 1, CHAP (cinder `TgtAdm`)."""

from __future__ import annotations

from orchestrator.commands.command import Action, Command
from orchestrator.drivers.volumes import local
from orchestrator.facts import target
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import errors, names
from orchestrator.model.volume import Volume
from orchestrator.rendering import volumes

ANYBODY = ("ALL",)
"""Initiators are let in by their password, from any address: compute hosts come and go."""

# One fixed script; its arguments are data: target, backing file, account, readonly. The password is its stdin, and reaches tgtd over tgtd's own socket:
# tgtadm takes it as an argument, which every user of the host could read. Nobody is let in before the account is bound; tgt may lose a LUN while it makes
# it (cinder bug 1382440), so that it is looked for in the end. Everything may be there already.
EXPORT = r"""
t() { tgtadm --lld iscsi "$@"; }
shown() { t --mode target --op show; }
number() { shown | sed -n "s/^Target \([0-9]*\): $1\$/\1/p"; }
n=$(number "$1")
if [ -z "$n" ]; then
  n=$(shown | sed -n 's/^Target \([0-9]*\): .*/\1/p' | sort -n | tail -n 1); n=$((${n:-0} + 1))
  t --mode target --op new --tid "$n" --targetname "$1" || exit 1
fi
part() { shown | sed -n "/^Target $n: /,/^Target [0-9]*: [^ ]*\$/{/^Target $n: /!{/^Target /!p}}"; }
part | grep -q "^        $3\$" || {
t --mode target --op unbind --tid "$n" --initiator-address ALL >/dev/null 2>&1
t --mode account --op delete --user "$3" >/dev/null 2>&1
perl -e '
  use Socket; my ($user) = @ARGV; chomp(my $word = <STDIN> // ""); length $word || die "no password\n"; my $data = "user=$user,password=$word\0";
  socket(S, AF_UNIX, SOCK_STREAM, 0) && connect(S, sockaddr_un(($ENV{TGT_IPC_SOCKET} || "/var/run/tgtd/socket") . ".0")) || die "tgtd: $!\n";
  syswrite(S, pack("l l a64 L l Q q L6", 7, 0, "iscsi", 120 + length $data, -1, 0, -1, (0) x 6) . $data);
  sysread(S, my $answer, 8) == 8 || die "tgtd does not answer\n"; my ($code) = unpack("L", $answer); $code && die "tgtd: error $code\n";
' "$3" && t --mode account --op bind --tid "$n" --user "$3" || exit 1
}
part | grep -q '^        LUN: 1$' || t --mode logicalunit --op new --tid "$n" --lun 1 --backing-store "$2" || exit 1
[ "$4" = 0 ] || t --mode logicalunit --op update --tid "$n" --lun 1 --params readonly=1 || exit 1
part | grep -q '^        ALL$' || t --mode target --op bind --tid "$n" --initiator-address ALL || exit 1
part | grep -qF "Backing store path: $2" || { echo "tgt has lost the LUN" >&2; exit 1; }
"""

# Its argument is the target. tgtd refuses while somebody is logged in: then the volume is somebody's disk. The account goes with it.
WITHDRAW = r"""
n=$(tgtadm --lld iscsi --mode target --op show | sed -n "s/^Target \([0-9]*\): $1\$/\1/p")
[ -z "$n" ] || tgtadm --lld iscsi --mode target --op delete --tid "$n" || exit 1
tgtadm --lld iscsi --mode account --op delete --user "$2" >/dev/null 2>&1
exit 0
"""


def needs(volume: Volume) -> tuple[Key, ...]:
    return (*local.needs(volume), _key(volume))


def plan(volume: Volume, facts: Facts) -> tuple[str, tuple[Action, ...]]:
    """Why, and what to do. Raises HostError when it must be grown while somebody has it: tgt cannot."""
    why, actions = local.plan(volume, facts)
    found = facts[_key(volume)]
    if found == exported(volume, facts):
        return why, actions
    export: tuple[Action, ...] = (_export(volume),)
    if isinstance(found, target.Target) and found.path is not None and found.size != exported(volume, facts).size:
        if found.connected:
            raise errors.HostError(
                f"volume {volume.name!r} cannot grow while it is in use",
                why="its iSCSI target tells a disk's size once, at the login",
                hint="detach it, or stop its instance, then run the same again",
            )
        export = (_withdraw(volume), *export)
    return (why if actions else "target is missing" if found is None else "target is otherwise"), (*actions, *export)


def exported(volume: Volume, facts: Facts) -> target.Target:
    """The target as it is to be."""
    size = next(value for value in local.expects(volume, facts).values() if isinstance(value, int))
    return target.Target(volumes.path(volume), round(size / 1e6), (volume.id,), ANYBODY)


def expects(volume: Volume, facts: Facts) -> dict[Key, object]:
    return {**local.expects(volume, facts), _key(volume): exported(volume, facts)}


def doom(volume: Volume, facts: Facts) -> tuple[Action, ...]:
    """Withdraws the target, then removes its data; refused while somebody is logged in."""
    found = facts[_key(volume)]
    if isinstance(found, target.Target) and found.connected:
        raise errors.HostError(
            f"volume {volume.name!r} is in use",
            why="an initiator is logged in at its target",
            hint="see `tgtadm --lld iscsi --mode target --op show` on the storage host",
        )
    return (*((_withdraw(volume),) if found is not None else ()), *local.doom(volume, facts))


def doomed(volume: Volume) -> dict[Key, object]:
    """What is true then."""
    return {_key(volume): None, **local.doomed(volume)}


def _key(volume: Volume) -> target.Key:
    return target.Key(names.target(volume.id))


def _export(volume: Volume) -> Command:
    words = (names.target(volume.id), volumes.path(volume), volume.id, str(int(volume.read_only)))
    return Command(("sh", "-c", EXPORT, "export-volume", *words), secret=f"chap/{volume.id}")


def _withdraw(volume: Volume) -> Command:
    return Command(("sh", "-c", WITHDRAW, "withdraw-volume", names.target(volume.id), volume.id))
