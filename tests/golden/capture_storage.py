"""As capture.py, for what volumes rest on: needs tgtd on the host, and a Ceph cluster with the pool `volumes` that its ceph.conf leads to."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from orchestrator.drivers.volumes import iscsi
from orchestrator.facts import gather, plugged, rbd, secret, size, target
from tests.golden import capture

FIRST, SECOND, THIRD = (f"{digit * 8}-1111-4111-8111-111111111111" for digit in "123")
DOMAIN, IDLE = "gold-0000000a", "gold-0000000b"
SCENES = r"""
at=/var/lib/nova/instances/gold
alias virsh='virsh -q -c qemu:///system'
file() { mkdir -p $at; truncate -s "$2" "$at/$1"; }
disk() { printf '<disk type="file" device="disk"><driver name="qemu" type="raw"/><source file="%s"/><target dev="%s" bus="virtio"/></disk>' "$at/$1" "$2"; }
remote() {
  printf '<disk type="network" device="disk"><driver name="qemu" type="raw"/><source protocol="rbd" name="volumes/%s">' "$1"
  printf '<host name="%s"/></source><target dev="%s" bus="virtio"/></disk>' "$(hostname -i)" "$2"
}
define() { # name devices
  id=$(printf %s "$1" | md5sum | cut -c 1-32)
  printf '<domain type="qemu"><name>%s</name><uuid>%s</uuid><memory unit="MiB">16</memory>' "$1" "$id" >$at/xml
  printf '<os><type arch="x86_64" machine="pc">hvm</type></os>' >>$at/xml
  printf '<devices>%s</devices></domain>\n' "$2" >>$at/xml; virsh define --file $at/xml
}
clean_up() {
  for name in gold-0000000a gold-0000000b; do virsh destroy $name; virsh undefine $name; done
  virsh secret-undefine 11111111-1111-4111-8111-111111111111
  for n in 1 2; do tgtadm --lld iscsi --mode target --op delete --tid $n; done
  for n in 1 2; do tgtadm --lld iscsi --mode account --op delete --user gold-$n; done
  rbd rm volumes/volume-33333333-1111-4111-8111-111111111111
  rm -rf $at
} >/dev/null 2>&1
"""
EXPORT = f"export_volume() (\nset +e\n{iscsi.EXPORT})\n"
TARGET = "iqn.2010-10.org.openstack:volume-"
CASES: dict[str, tuple[str, Sequence[gather.Key]]] = {
    "size/files": ("file a 1G; file b 0; file 'c d' 12345", tuple(size.Key(f"{capture.AT}/{name}") for name in ("a", "b", "c d", "none"))),
    "secret/none": ("", (secret.Key(FIRST),)),
    "secret/defined": (
        f'printf \'<secret ephemeral="yes" private="yes"><uuid>{FIRST}</uuid><usage type="iscsi"><target>gold</target></usage></secret>\''
        " | virsh secret-define --file /dev/stdin",
        (secret.Key(FIRST), secret.Key(SECOND)),
    ),
    "target/none": ("", (target.Key(TARGET + FIRST),)),
    "target/exported": (
        f"printf word | export_volume {TARGET}{FIRST} $at/a gold-1 0; printf word | export_volume {TARGET}{SECOND} $at/a gold-2 1",
        tuple(target.Key(TARGET + each) for each in (FIRST, SECOND, THIRD)),
    ),
    "target/lun_lost": ("tgtadm --lld iscsi --mode logicalunit --op delete --tid 1 --lun 1", (target.Key(TARGET + FIRST),)),
    "rbd/nothing": ("", (rbd.Key(f"volumes/volume-{THIRD}"),)),
    "rbd/there": (
        f"rbd create --size 64 volumes/volume-{THIRD}",
        (rbd.Key(f"volumes/volume-{THIRD}"), rbd.Key(f"volumes/volume-{FIRST}"), rbd.Key("volumes/x", "cinder", "/etc/ceph/ceph.conf")),
    ),
    "rbd/no_pool": ("", (rbd.Key("nowhere/x"),)),
    "plugged/none": ("", (plugged.Key(DOMAIN), plugged.Key(IDLE))),
    "plugged/shut_off": (
        f'file volume-{FIRST} 1G; file volume-{SECOND} 2G; define {DOMAIN} "$(disk a vda)$(disk volume-{FIRST} vdb)$(remote volume-{THIRD} vdc)"',
        (plugged.Key(DOMAIN),),
    ),
    "plugged/running": (f"virsh start {DOMAIN}; define {IDLE} ''; virsh start {IDLE}", (plugged.Key(DOMAIN), plugged.Key(IDLE))),
    "plugged/stopped": (f"kill -STOP $(cat /run/libvirt/qemu/{DOMAIN}.pid)", (plugged.Key(DOMAIN), plugged.Key(IDLE))),
    "plugged/defined_otherwise": (
        f'kill -CONT $(cat /run/libvirt/qemu/{DOMAIN}.pid); define {DOMAIN} "$(disk a vda)$(disk volume-{SECOND} vdb)"',
        (plugged.Key(DOMAIN),),
    ),
}


def main(ssh: Sequence[str]) -> None:
    """Play each case's scene and keep what its commands answered."""
    capture.play(ssh, CASES, SCENES + EXPORT, "mkdir -p $at")


if __name__ == "__main__":
    main(sys.argv[1:])
