"""The bench's work for pyinfra, as ansible.yaml has it: facts first, then only what is missing. `phase`, `image`, `sha` and `vms` are host data."""

from pathlib import Path

from jinja2 import Template
from pyinfra import host
from pyinfra.facts.files import File
from pyinfra.facts.server import Command
from pyinfra.operations import files, server

HERE = Path(__file__).parent
TOP = "/var/lib/nova/instances"
BASE = f"{TOP}/_base/{host.data.sha}"
DISKS = (("disk", BASE, "1G"), ("disk.local", f"{TOP}/_base/local_1", "1G"), ("disk.swap", f"{TOP}/_base/swap_64", "64M"))


def rules(name: str) -> str:
    """A document for iptables-restore, as a shell command."""
    text = Template((HERE / name).read_text(), trim_blocks=True).render(vms=host.data.vms)
    return f"iptables-restore --noflush <<'EOF'\n{text}\nEOF"


def each(verb: str) -> list[str]:
    return [f"virsh -q {verb} {vm['uuid']}" for vm in host.data.vms]


def running() -> None:
    """Fails unless every one runs."""
    ids = " ".join(vm["uuid"] for vm in host.data.vms)
    server.shell(
        commands=[f'on=$(virsh -q list --uuid --state-running); for u in {ids}; do case $on in *"$u"*) ;; *) exit 1 ;; esac; done']
    )


def xml() -> list:
    return [
        files.template(
            src=str(HERE / "domain.xml.j2"), dest=f"{TOP}/{vm['uuid']}/libvirt.xml", vm=vm, jinja_env_kwargs={"trim_blocks": True}
        )
        for vm in host.data.vms
    ]


def apply() -> None:
    """Made, and running."""
    files.directory(path=f"{TOP}/_base")
    if not host.get_fact(File, path=BASE):
        files.put(src=host.data.image, dest=f"{BASE}.qcow2")
        convert = f"qemu-img convert -f qcow2 -O raw {BASE}.qcow2 {BASE}.part && mv {BASE}.part {BASE} && rm -f {BASE}.qcow2"
        server.shell(commands=[f"{convert} && truncate -s 64M {TOP}/_base/swap_64 && truncate -s 1G {TOP}/_base/local_1"])
    if not host.get_fact(Command, command="ls -d /sys/class/net/brpeer || true"):
        server.shell(
            commands=["ip link add brpeer type bridge && ip link set eth1 master brpeer && ip link set brpeer up && ip link set eth1 up"]
        )
    missing = []
    for vm in host.data.vms:
        files.directory(path=f"{TOP}/{vm['uuid']}")
        for name, base, size in DISKS:
            path = f"{TOP}/{vm['uuid']}/{name}"
            missing += [] if host.get_fact(File, path=path) else [f"qemu-img create -q -f qcow2 -F raw -b {base} {path} {size}"]
    if missing:
        server.shell(commands=missing)
    written = xml()
    if f"-N f-{host.data.vms[0]['tap']}" not in (host.get_fact(Command, command="iptables -S") or ""):
        server.shell(commands=[rules("rules.j2")])
    on = (host.get_fact(Command, command="virsh -q list --uuid --state-running || true") or "").split()
    define = [vm for vm, done in zip(host.data.vms, written, strict=True) if done.will_change]
    start = [vm for vm in host.data.vms if vm["uuid"] not in on]
    todo = [f"virsh -q define {TOP}/{vm['uuid']}/libvirt.xml" for vm in define] + [f"virsh -q start {vm['uuid']}" for vm in start]
    if todo:
        server.shell(commands=todo)
    running()


def reboot() -> None:
    """Hard reboot."""
    server.shell(commands=each("destroy"))
    xml()
    server.shell(commands=[f"virsh -q define {TOP}/{vm['uuid']}/libvirt.xml" for vm in host.data.vms])
    server.shell(commands=[rules("rules-away.j2"), rules("rules.j2"), *each("start")])
    running()


def delete() -> None:
    """Gone, but for the image."""
    server.shell(commands=[*each("destroy"), *each("undefine")])
    for vm in host.data.vms:
        files.directory(path=f"{TOP}/{vm['uuid']}", present=False)
    server.shell(commands=[rules("rules-away.j2"), "ip link del brpeer"])


{"apply": apply, "reboot": reboot, "delete": delete}[host.data.phase]()
