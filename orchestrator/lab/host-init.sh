#!/bin/bash
# The first process of a practice host: host-init.sh NAME FOLDER, in new mount, pid, uts and ipc namespaces and the host's network
# namespace. /etc, /home, /root, /tmp and /var are the host's own, /usr is this machine's; then the daemons that every compute host runs.
set -eu
name=$1 folder=$2
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
/usr/sbin/sshd -E /var/log/sshd.log
while :; do sleep infinity & wait $!; done  # bash collects orphans, as an init must
