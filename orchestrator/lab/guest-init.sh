#!/bin/busybox sh
# All that the practice guest does, under busybox init: guest-init.sh boot | tick | power | network | console, and udhcpc's own words.
# Two counters live in raw sectors of the root disk, beyond its filesystem: a guest that was restored, or written twice, cannot hide it.
first=49152  # the sector at 24 MiB
verb=$1

load() { for module in "$@"; do insmod "/modules/$module.ko" 2>/dev/null; done; }
load_ata() { load scsi_common scsi_mod virtio_scsi sd_mod libata ata_piix cdrom sr_mod isofs; }

# find LABEL TRIES: the device of that filesystem
find_device() {
    tries=$2
    until findfs "LABEL=$1" 2>/dev/null; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.2
    done
}

counter() { dd if="$disk" bs=512 skip=$((first + $1)) count=1 2>/dev/null | tr -dc 0-9; }
keep() { echo "$2" | dd of="$disk" bs=512 seek=$((first + $1)) count=1 conv=sync,notrunc,fsync 2>/dev/null; }

# json KEY FILE: the first value of that key, a string or a number
json() { tr ',{}[]' '\n' <"$2" | sed -n "s/^ *\"$1\": *\"\\{0,1\\}\\([^\"]*\\)\"\\{0,1\\} *$/\\1/p" | head -n 1; }

address() {  # ADDRESS NETMASK GATEWAY MTU
    ifconfig eth0 "$1" netmask "$2" up
    [ -z "$4" ] || ip link set eth0 mtu "$4"
    [ -z "$3" ] || { route del default 2>/dev/null; route add default gw "$3"; }
    echo "NET eth0 $1"
}

case $verb in
boot)
    mkdir -p /proc /sys /dev /config /tmp
    mount -t proc proc /proc
    mount -t sysfs sysfs /sys
    mount -t devtmpfs dev /dev
    hostname guest
    load virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk button evdev
    disk=$(find_device GUEST 1) || { load_ata; disk=$(find_device GUEST 25); }
    echo "$disk" >/tmp/disk
    boots=$(($(counter 0) + 1))
    keep 0 "$boots"
    echo "GUEST UP boots=$boots uptime=$(cut -d ' ' -f 1 /proc/uptime) kernel=$(uname -r)" ;;
tick)
    disk=$(cat /tmp/disk)
    seconds=$(($(counter 1)))
    while sleep 1; do
        seconds=$((seconds + 1))
        keep 1 "$seconds"
        [ $((seconds % 10)) -ne 0 ] || echo "TICK $seconds"
    done ;;
power)
    for name in /sys/class/input/event*/device/name; do
        [ "$(cat "$name")" = "Power Button" ] || continue
        event=${name#/sys/class/input/}
        { dd if="/dev/input/${event%%/*}" of=/dev/null bs=24 count=1 2>/dev/null && poweroff; } &
    done
    wait ;;
network)
    load failover net_failover virtio_net virtio_balloon
    ifconfig lo 127.0.0.1
    ip link set eth0 up 2>/dev/null
    load_ata
    data=/config/openstack/latest
    if drive=$(find_device config-2 5) && mount -t iso9660 -o ro "$drive" /config; then
        name=$(json hostname $data/meta_data.json)
        hostname "${name:-guest}"
        # the first IPv4 network's own words; an IPv6 address does not match
        set -- $(tr ',{}[]' '\n' <$data/network_data.json | awk -F '"' '
            $2 == "ip_address" && ip { exit }
            $2 == "ip_address" && $4 ~ /^[0-9.]+$/ { ip = $4 }
            $2 == "netmask" && ip && !mask { mask = $4 }
            $2 == "gateway" && ip && !gateway { gateway = $4 }
            END { print ip, mask, gateway }')
        mtu=$(json mtu $data/network_data.json | tr -dc 0-9)
    fi
    if [ -n "$2" ]; then address "$1" "$2" "$3" "$mtu"; else exec udhcpc -i eth0 -f -n -t 15 -T 2 -O mtu -s /init-guest >/dev/null 2>&1; fi ;;
bound | renew)
    # shellcheck disable=SC2154 - udhcpc sets these
    address "$ip" "$subnet" "${router%% *}" "$mtu" >/dev/console ;;
console)
    read -r _  # no prompt before somebody is there, so that every line above begins where a line does
    exec sh -l ;;
esac
