#!/bin/bash
# The first process of a practice host: host-init.sh NAME FOLDER ROLE, in new mount, pid, uts and ipc namespaces and the host's network
# namespace. /etc, /home, /root, /tmp and /var are the host's own, /usr is this machine's; then the daemons that every compute host runs, and for
# the role `storage` tgtd.
set -eu
name=$1 folder=$2 role=$3
hostname "$name"
mount --bind "$folder" /mnt  # the folder may lie below what is covered next
if [ -d /run/netns ]; then umount --recursive --lazy /run/netns || true; fi  # or other hosts' networks would live as long as we do
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
mount -t devpts -o newinstance,gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t tmpfs -o mode=755 run /run
mkdir -p /run/lock /run/sshd
for own in etc home root tmp var; do mount --bind "/mnt/$own" "/$own"; done
mount --bind /mnt/boot_id /proc/sys/kernel/random/boot_id
umount /mnt
cd /

for family in iptables ip6tables arptables; do sysctl -qw "net.bridge.bridge-nf-call-$family=1"; done  # the module's own defaults
virtlogd --daemon
libvirtd --daemon

# As openvswitch-switch's units do; but practice hosts have no kernel module for it: its bridge switches in user space (datapath_type=netdev).
mkdir -p /run/openvswitch /var/lib/openvswitch /var/log/openvswitch
db=/var/lib/openvswitch/conf.db
[ -f "$db" ] || ovsdb-tool create "$db" /usr/share/openvswitch/vswitch.ovsschema
ovsdb-server "$db" --remote=punix:/run/openvswitch/db.sock --pidfile --detach --log-file -vconsole:off
ovs-vsctl --no-wait init
ovs-vswitchd --pidfile --detach --log-file -vconsole:off
ovs-vsctl --timeout=20 --may-exist add-br br-ex -- set bridge br-ex datapath_type=netdev -- --may-exist add-port br-ex eth2

if [ "$role" = storage ]; then  # as tgt's unit does
    mkdir -p /run/tgtd
    tgtd
    for file in /etc/tgt/conf.d/*.conf; do [ ! -e "$file" ] || { tgt-admin --execute --conf /etc/tgt/targets.conf; break; }; done
fi
/usr/sbin/sshd -E /var/log/sshd.log
while :; do sleep infinity & wait $!; done  # bash collects orphans, as an init must
