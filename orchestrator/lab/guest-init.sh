#!/bin/busybox sh
# All that the practice guest does. By busybox init: guest-init.sh boot | tick | power | network | console; by udhcpc: its own words; and by name
# the commands mount-local, use-swap, disk, frame, which docs/practice-hosts.md tells of.
# Two counters live in raw sectors of the root disk, beyond its filesystem: a guest that was restored, or written twice, cannot hide it.
first=49152  # the sector at 24 MiB
remote=/tmp/remote
verb=${0##*/}
[ "$verb" != init-guest ] || { verb=$1; shift; }

load() { for module in "$@"; do insmod "/modules/$module.ko" 2>/dev/null; done; }
load_ata() { load scsi_common scsi_mod virtio_scsi sd_mod libata ata_piix cdrom sr_mod isofs; }

# find_device TRIES LABEL...: the device of the first such filesystem
find_device() {
    tries=$1; shift
    while :; do
        for label in "$@"; do findfs "LABEL=$label" 2>/dev/null && return; done
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.2
    done
}

counter() { dd if="$disk" bs=512 skip=$((first + $1)) count=1 2>/dev/null | tr -dc 0-9; }
keep() { echo "$2" | dd of="$disk" bs=512 seek=$((first + $1)) count=1 conv=sync,notrunc,fsync 2>/dev/null; }

flatten() { [ ! -f "$1" ] || awk -f /flatten.awk "$1"; }

# route DEVICE DESTINATION GATEWAY
route() { ip $(case $3 in *:*) echo -6 ;; esac) route add "$2" via "$3" dev "$1" 2>/dev/null; }

# configure DEVICE: by the lines of network.awk on stdin; the device is left to DHCP when none of them is an address
configure() {
    addressed=
    while read -r _ what one two; do
        case $what in
        mtu) ip link set "$1" mtu "$one" ;;
        address) ip address add "$one" dev "$1"; addressed="$addressed ${one%/*}" ;;
        route) route "$1" "$one" "$two" ;;
        esac
    done
    for one in $addressed; do echo "NET $1 $one"; done
    if [ -z "$addressed" ] || grep -q ' dhcp$' "/tmp/$1"; then
        udhcpc -i "$1" -f -t 3 -T 1 -A 2 -O mtu -O staticroutes -s /init-guest >/dev/null 2>&1 &
    fi
}

# what the drive gives, whichever of cloud-init's two it is: the files' names, in `meta`, `network` and `user`
mount_drive() {
    drive=$(find_device 5 config-2 cidata) && mount -t iso9660 -o ro "$drive" /config || return
    meta=/config/meta-data network=/config/network-config user=/config/user-data source=nocloud
    [ -d /config/openstack ] || return 0
    set -- /config/openstack/latest
    meta=$1/meta_data.json network=$1/network_data.json user=$1/user_data source=config-2
}

identity() {
    flatten "$meta" >/tmp/meta
    name=$(sed -n 's/^\(local-\)\{0,1\}hostname=//p' /tmp/meta | head -n 1)
    hostname "${name:-guest}"
    sed -n 's/^public[-_]keys[^=]*=//p' /tmp/meta >/root/.ssh/authorized_keys
    sum=-
    if [ -s "$user" ]; then sum=$(sha256sum <"$user"); fi
    echo "DATA hostname=$(hostname) keys=$(wc -l </root/.ssh/authorized_keys) user_data_sha256=${sum%% *} source=$source"
}

run_user_data() {
    [ "$(head -c 2 "$user" 2>/dev/null)" = '#!' ] || return
    cp "$user" /tmp/user_data
    chmod +x /tmp/user_data
    /tmp/user_data </dev/null 2>&1 | sed 's/^/USERDATA /'
}

# The console's other end may be a program, which sends lines and reads `REMOTE ID| OUTPUT` and `REMOTE ID end CODE LINES`.
answer() {  # ID SECONDS
    base64 -d "$remote/$1.in" >"$remote/$1.sh"
    timeout -k 2 "$2" sh "$remote/$1.sh" </dev/null >"$remote/$1.out" 2>&1
    code=$?
    awk -v id="$1" -v code="$code" '{ print "REMOTE " id "| " $0 } END { print "REMOTE " id " end " code " " NR }' "$remote/$1.out"
}

case $verb in
boot)
    mkdir -p /proc /sys /dev /config /tmp /mnt /root/.ssh $remote
    mount -t proc proc /proc
    mount -t sysfs sysfs /sys
    mount -t devtmpfs dev /dev
    dmesg -n 1  # a line of the kernel's would come between others' words
    hostname guest
    load virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk button evdev
    disk=$(find_device 1 GUEST) || { load_ata; disk=$(find_device 25 GUEST); }
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
    ip link set lo up
    for place in /sys/class/net/eth*; do ip link set "${place##*/}" up; done 2>/dev/null
    load_ata
    if mount_drive; then identity; fi
    flatten "$network" | awk -f /network.awk >/tmp/network
    for place in /sys/class/net/eth*; do
        [ -e "$place" ] || break
        grep "^$(cat "$place/address") " /tmp/network >"/tmp/${place##*/}"
        configure "${place##*/}" <"/tmp/${place##*/}"
    done
    run_user_data
    wait ;;
deconfig)
    # shellcheck disable=SC2154 - udhcpc sets these
    ip -4 address flush dev "$interface" ;;
bound | renew)
    [ -z "$mtu" ] || ip link set "$interface" mtu "$mtu"
    [ "$verb" = renew ] || ip address add "$ip/$mask" dev "$interface"
    # shellcheck disable=SC2086 - words; who gives routes gives the default one among them (RFC 3442)
    set -- ${staticroutes:-${router:+0.0.0.0/0 ${router%% *}}}
    while [ $# -gt 1 ]; do
        if [ "$2" = 0.0.0.0 ]; then ip route add "$1" dev "$interface"; else route "$interface" "$1" "$2"; fi
        shift 2
    done
    [ "$verb" = renew ] || echo "NET $interface $ip" >/dev/console ;;
mount-local)
    device=$(find_device 10 ephemeral0) && mount -t ext4 "$device" /mnt && echo /mnt ;;
use-swap)
    for place in /sys/block/vd* /sys/block/sd*; do
        device=/dev/${place##*/}
        [ "$(dd if="$device" bs=1 skip=4086 count=10 2>/dev/null)" = SWAPSPACE2 ] && swapon "$device" && echo "$device" && exit
    done
    exit 1 ;;
disk)
    for place in /sys/block/vd* /sys/block/sd*; do
        serial=$(cat "$place/serial" 2>/dev/null || tail -c +5 "$place/device/vpd_pg80" 2>/dev/null)
        [ -z "$serial" ] || case $1 in "$serial"*) echo "/dev/${place##*/}"; exit ;; esac
    done
    exit 1 ;;
frame)
    number=$(cat "/sys/class/net/$1/ifindex")
    printf '11000000%02x000000%024x%s' "$number" 0 "$2" | xxd -r -p | /send-frame ;;  # a struct sockaddr_ll first
console)
    stty -echo
    while read -r word id rest; do  # no prompt before somebody is there, so that every line above begins where a line does
        case $word in
        "") stty echo; exec sh -l ;;
        part) echo "$rest" >>"$remote/$id.in" ;;
        run) answer "$id" "$rest" </dev/null & ;;
        esac
    done ;;
esac
