"""A Ceph cluster on a practice host, for the tests that ask for one: a monitor, and an OSD that keeps its data in memory."""

from __future__ import annotations

import shutil

from tests.e2e.conftest import Lab

POOL = "volumes"
CONF = "/etc/ceph/ceph.conf"

# Its arguments: the host's address, the pool, a file for the configuration. Whoever reaches the monitor may do anything (auth none).
START = r"""
set -eu
address=$1 pool=$2 conf=$3 cluster=$(cat /proc/sys/kernel/random/uuid) osd=$(cat /proc/sys/kernel/random/uuid)
mkdir -p /etc/ceph /run/ceph /var/log/ceph /var/lib/ceph/mon/ceph-a /var/lib/ceph/osd/ceph-0
cat >"$conf" <<END
[global]
fsid = $cluster
mon host = [v1:$address:6789]
public addr = $address
auth cluster required = none
auth service required = none
auth client required = none
ms bind msgr2 = false
osd objectstore = memstore
memstore device bytes = 1073741824
osd pool default size = 1
osd pool default min size = 1
osd crush chooseleaf type = 0
mon allow pool size one = true
mon data avail warn = 1
mon data avail crit = 1
run dir = /run/ceph
END
monmaptool --create --clobber --addv a "[v1:$address:6789]" --fsid "$cluster" /run/ceph/monmap
ceph-mon --mkfs -i a --monmap /run/ceph/monmap
ceph-mon -i a --pid-file /run/ceph/mon.pid
timeout 60 ceph osd new "$osd" 0
ceph-osd -i 0 --mkfs --osd-uuid "$osd"
n=0; until ceph-osd -i 0 --pid-file /run/ceph/osd.pid; do [ "$n" -lt 5 ]; n=$((n + 1)); sleep 1; done # on a busy machine it may ask before it has the monmap
timeout 60 ceph osd pool create "$pool" 8 8
timeout 60 ceph osd pool set "$pool" size 1 --yes-i-really-mean-it
timeout 60 rbd pool init "$pool"
"""
STOP = "kill -KILL $(cat /run/ceph/*.pid); rm -rf /etc/ceph /var/lib/ceph /var/log/ceph /run/ceph"


def there() -> bool:
    """Whether this machine has the programs."""
    return all(shutil.which(name) for name in ("ceph", "ceph-mon", "ceph-osd", "rbd"))


def start(lab: Lab, host: str) -> None:
    """A cluster on a host, with one pool, and its configuration on every host of the lab. About 8 s; 30 MB of memory and what is written."""
    script = lab.files(host) / "root/ceph.sh"
    script.write_text(START)
    lab.on(host, "sh", "/root/ceph.sh", str(lab.hosts[host]["address"]), POOL, CONF)
    text = (lab.files(host) / CONF.lstrip("/")).read_text()
    for other in lab.hosts:
        place = lab.files(other) / CONF.lstrip("/")
        place.parent.mkdir(exist_ok=True)
        place.write_text(text)


def stop(lab: Lab, host: str) -> None:
    """The cluster on that host gone, its data too."""
    lab.script(host, STOP)
    for other in lab.hosts:
        (lab.files(other) / CONF.lstrip("/")).unlink(missing_ok=True)
