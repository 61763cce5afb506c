# What the floor does on one host: a phase, for the instances in $vms ("number tap mac address", one a line). sshd hands all of it to the login
# shell as its command. Blind where it changes something (cold, warm, reboot, delete); noop reads, and says what is not as it was made.
# Given before this text: phase, sha (of the base image), vms.
top=/var/lib/nova/instances base=/var/lib/nova/instances/_base/$sha bridge=brfloor port=eth1
uuid() { printf '00000000-0000-4000-8000-%012d' "$1"; }
each() { while read -r n tap mac ip; do "$@" "$(uuid "$n")" "$n" "$tap" "$mac" "$ip"; done <<EOF
$vms
EOF
}
xml() { # uuid number tap mac
  cat <<EOF
<domain type="qemu"><uuid>$1</uuid><name>floor-$2</name><memory unit="MiB">64</memory><vcpu>1</vcpu>
<sysinfo type="smbios"><system><entry name="serial">$1</entry></system></sysinfo>
<os><type arch="x86_64" machine="pc">hvm</type><boot dev="hd"/><smbios mode="sysinfo"/></os><features><acpi/><apic/></features>
<cpu mode="custom" match="exact"><model fallback="allow">qemu64</model><topology sockets="1" cores="1" threads="1"/></cpu>
<clock offset="utc"><timer name="pit" tickpolicy="delay"/><timer name="rtc" tickpolicy="catchup"/><timer name="hpet" present="no"/></clock>
<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash><devices>
<disk type="file" device="disk"><driver name="qemu" type="qcow2" cache="none" discard="unmap"/><source file="$top/$1/disk"/><target dev="vda" bus="virtio"/></disk>
<disk type="file" device="disk"><driver name="qemu" type="qcow2" cache="none" discard="unmap"/><source file="$top/$1/disk.local"/><target dev="vdb" bus="virtio"/></disk>
<disk type="file" device="disk"><driver name="qemu" type="qcow2" cache="none" discard="unmap"/><source file="$top/$1/disk.swap"/><target dev="vdc" bus="virtio"/></disk>
<interface type="bridge"><mac address="$4"/><source bridge="$bridge"/><target dev="$3"/><model type="virtio"/></interface>
<serial type="pty"><log file="$top/$1/console.log" append="on"/><target port="0"/></serial>
<graphics type="vnc" autoport="yes" listen="127.0.0.1"/><video><model type="virtio"/></video><input type="tablet" bus="usb"/>
<rng model="virtio"><backend model="random">/dev/urandom</backend></rng><memballoon model="virtio"><stats period="10"/></memballoon></devices></domain>
EOF
}
chains() { # uuid number tap mac address: the chain, whole, and what leads into it
  cat <<EOF
:f-$3 - [0:0]
-A f-$3 -m physdev --physdev-in $3 -m mac ! --mac-source $4 -j DROP
-A f-$3 ! -s $5/32 -m physdev --physdev-in $3 -j DROP
-A f-$3 -m physdev --physdev-in $3 -j ACCEPT
-A f-$3 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A f-$3 -p tcp -m tcp --dport 22 -j ACCEPT
-A f-$3 -j DROP
EOF
}
jumps() { printf '%s FORWARD -m physdev --physdev-%s %s%s -j f-%s\n' "$J" out "$4" " --physdev-is-bridged" "$4" "$J" in "$4" "" "$4"; }
hook() { J=$1; shift; jumps "" "" "" "$3"; }
rules() { { echo '*filter'; each chains; each hook -A; echo COMMIT; } | iptables-restore --noflush; }
again() { { echo '*filter'; each hook -D; each chains; each hook -A; echo COMMIT; } | iptables-restore --noflush; }
away() { echo '*filter'; each hook -D; each gone; echo COMMIT; }
gone() { printf ':f-%s - [0:0]\n-X f-%s\n' "$3" "$3"; }
make() { ( # one instance, beside the others
  mkdir -p "$top/$1" && cd "$top/$1" && qemu-img create -q -f qcow2 -F raw -b "$base" disk 1G &&
    qemu-img create -q -f qcow2 -F raw -b "$top/_base/swap_64" disk.swap 64M && qemu-img create -q -f qcow2 -F raw -b "$top/_base/local_1" disk.local 1G &&
    xml "$@" >libvirt.xml && virsh -q "define libvirt.xml; start $1; domstate $1" >state && grep -q '^running$' state && rm -f state || : >"$top/failed"
) & }
restart() { (
  cd "$top/$1" && xml "$@" >libvirt.xml && virsh -q "destroy $1; define libvirt.xml; start $1; domstate $1" >state && grep -q '^running$' state && rm -f state || : >"$top/failed"
) & }
remove() { ( virsh -q "destroy $1; undefine $1" >/dev/null && rm -rf -- "${top:?}/$1" || : >"$top/failed" ) & }
well() { wait; [ ! -e "$top/failed" ]; }
prepare() {
  mkdir -p "$top/_base" && truncate -s 64M "$top/_base/swap_64" && truncate -s 1G "$top/_base/local_1" &&
    { ip link add "$bridge" type bridge && ip link set "$port" master "$bridge"; ip link set "$bridge" up; ip link set "$port" up; }
}
digest() { xml "$@" | sha256sum; }
made() { printf '%s\n' "$top/$1/disk" "$top/$1/disk.local" "$top/$1/disk.swap"; }
ids() { echo "$1"; }
noop() {
  list=$(virsh -q list --uuid) && ids=$(each ids) && [ "$(printf '%s\n' $list | sort)" = "$ids" ] || { echo "state: $list"; return 1; }
  [ -s "$base" ] && ip -o link show "$bridge" | grep -q ',UP' || { echo "image or bridge"; return 1; }
  stat -c %s -- $(each made) >/dev/null || return 1
  [ "$(each digest)" = "$(for u in $ids; do sha256sum <"$top/$u/libvirt.xml"; done)" ] || { echo xml; return 1; }
  found=$(iptables -S) && wanted=$(each chains | grep -v '^:') && jumps=$(each hook -A) || return 1
  [ "$(printf '%s\n' "$found" | grep '^-A f-')" = "$wanted" ] && [ "$(printf '%s\n' "$found" | grep '^-A FORWARD .* -j f-')" = "$jumps" ] || { echo chains; return 1; }
}
case $phase in
cold) prepare && cat >"$base.qcow2" && qemu-img convert -f qcow2 -O raw "$base.qcow2" "$base.part" && mv "$base.part" "$base" && rm -f "$base.qcow2" &&
  rules && each make && well ;;
warm) prepare && rules && each make && well ;;
noop) noop ;;
reboot) again && each restart && well ;;
delete) each remove && well && away | iptables-restore --noflush && ip link del "$bridge" ;;
esac
