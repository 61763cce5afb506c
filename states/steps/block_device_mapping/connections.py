"""A volume's connection to its compute host, there and back."""

from __future__ import annotations

from orchestrator.commands.command import Action, Command
from orchestrator.facts import file, secret
from orchestrator.facts.domain import URI
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.instance import Instance
from orchestrator.rendering import domain
from orchestrator.rendering.volumes import Source

RECORDS = ("/etc/iscsi/nodes", "/var/lib/iscsi/nodes")
"""Where iscsiadm keeps what it knows of targets: Debian's place, and others'."""
LINK = "other"
"""What facts.file calls the symbolic links of /dev/disk/by-path."""

# Fixed scripts; their arguments are data. The value of a secret, or the password of a login, is their stdin.
# Arguments: the secret's XML, which has no value in it, its uuid, URI. One without a value would look as one that has: it is taken away again.
DEFINE = (
    'printf %s "$1" | virsh -q -c "$3" secret-define --file /dev/stdin && '
    'virsh -q -c "$3" secret-set-value --secret "$2" --plain --file /dev/stdin || '
    '{ virsh -q -c "$3" secret-undefine --secret "$2"; exit 1; }'
)
# Arguments: target, portal, account, the device that appears. iscsiadm takes a password as an argument, which every user of the host could read: it is put
# into the record that iscsiadm made, by the shell itself. 15: logged in already (open-iscsi ISCSI_ERR_SESS_EXISTS). Who fails leaves no session behind.
LOGIN = r"""
word=$(cat); umask 077
[ -e "$4" ] && exit 0
fail() {
  for do in --logout "-o delete"; do iscsiadm -m node -T "$1" -p "$2" $do; done >/dev/null 2>&1
  exit "$3"
}
iscsiadm -m node -T "$1" -p "$2" -o new || exit 1
for top in /etc/iscsi/nodes /var/lib/iscsi/nodes; do
  [ -d "$top/$1" ] || continue
  for record in $(find "$top/$1" -type f ! -name '*.part'); do
    { grep -v '^node.session.auth.' "$record"
      printf 'node.session.auth.%s
' "authmethod = CHAP" "username = $3" "password = $word"; } >"$record.part" && mv -fT -- "$record.part" "$record" || fail "$1" "$2" 1
  done
done
iscsiadm -m node -T "$1" -p "$2" --login; code=$?
[ "$code" = 0 ] || [ "$code" = 15 ] || fail "$1" "$2" "$code"
n=0; until [ -e "$4" ]; do [ "$n" -lt 20 ] || { echo "$4 does not appear" >&2; fail "$1" "$2" 1; }; sleep 0.5; n=$((n + 1)); done
"""
# Arguments: target, portal. 21: no such record or session (ISCSI_ERR_NO_OBJS_FOUND). Each volume has a target of its own: nobody else loses a disk by it.
LOGOUT = (
    'for do in --logout "-o delete"; do iscsiadm -m node -T "$1" -p "$2" $do; code=$?; '
    '[ "$code" = 0 ] || [ "$code" = 21 ] || exit "$code"; done; rm -rf -- "/etc/iscsi/nodes/$1" "/var/lib/iscsi/nodes/$1"'
)


def needs(source: Source) -> tuple[Key, ...]:
    """What tells whether it is connected."""
    block = (file.Key(source.path),) if source.iqn else ()
    kept = (secret.Key(source.secret.uuid),) if source.secret and not source.iqn else ()
    return (*block, *kept)


def connect(instance: Instance, source: Source, facts: Facts) -> tuple[Action, ...]:
    """What is missing of the connection."""
    if source.secret is None or all(facts[key] is not None for key in needs(source)):
        return ()
    if source.iqn:
        words = (source.iqn, _portal(source), source.user, source.path)
        return (Command(("sh", "-c", LOGIN, "log-in", *words), secret=source.secret.value, timeout=120),)
    xml = domain.secret_xml(instance, source.secret)
    return (Command(("sh", "-c", DEFINE, "define-secret", xml, source.secret.uuid, URI), secret=source.secret.value),)


def connected(source: Source) -> dict[Key, object]:
    """What is true then."""
    return dict.fromkeys(needs(source), LINK if source.iqn else "defined")


def traces(source: Source) -> tuple[Key, ...]:
    """What tells whether anything of it is left: iscsiadm has a record of a session whose device never appeared, too."""
    return (*needs(source), *(file.Key(f"{top}/{source.iqn}") for top in RECORDS if source.iqn))


def there(source: Source, facts: Facts) -> bool:
    """Whether anything of it is left."""
    return any(facts[key] is not None for key in traces(source))


def disconnect(source: Source) -> tuple[Action, ...]:
    """Takes the connection away; tolerates that there is none."""
    if source.iqn:
        return (Command(("sh", "-c", LOGOUT, "log-out", source.iqn, _portal(source)), timeout=120),)
    if source.secret is None:
        return ()
    return (Command(("virsh", "-q", "-c", URI, "secret-undefine", "--secret", source.secret.uuid), accepts=(0, 1)),)  # 1: already gone


def disconnected(source: Source) -> dict[Key, object]:
    """What is true then."""
    return dict.fromkeys(traces(source))


def _portal(source: Source) -> str:
    host, port = source.hosts[0]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
