# What capture.py plays on a practice host; the words of its scenes are these functions.
at=/var/lib/nova/instances/gold
alias virsh='virsh -q -c qemu:///system'

set_up() {
  mkdir -p $at/folder; cd $at
  printf 'hello\n' >file; : >empty; mkfifo pipe; ln -s file link; printf x >'a b'
  qemu-img create -q -f raw base 10M; qemu-img create -q -f qcow2 -F raw -b $at/base disk 20M; qemu-img create -q -f qcow2 whole.qcow2 1G
  printf '==> %s <==\nnot what it seems\n' $at/disk $at/none >banner
  ip link add gold-br type bridge; ip link set gold-br up
}
xml() { # name uuid metadata devices
  printf '<domain type="qemu"><name>%s</name><uuid>%s</uuid><memory unit="MiB">16</memory><metadata>%s</metadata>' "$1" "$2" "$3"
  printf '<os><type arch="x86_64" machine="pc">hvm</type></os><devices>%s</devices></domain>\n' "$4"
}
mark() { # name
  printf '<orchestrator:instance xmlns:orchestrator="urn:orchestrator:instance:1" name="%s" flavor="a&gt;b" image="i" ' "$1"
  printf 'lineage="7c9e6679-7425-40de-944b-e07fc1f90ae7" digest="%064d"/>' 7
}
uuid() { printf '%s' "$1" | md5sum | sed 's/^\(.\{8\}\)\(....\)\(....\)\(....\)\(.\{12\}\).*/\1-\2-\3-\4-\5/'; }
put() { xml "$@" >$at/domain.xml; virsh define --file $at/domain.xml; }
define() { put "$1" "$(uuid "$1")" "$(mark web-1)" ''; }
start() { virsh start "$1"; }
kill_qemu() {
  virsh start "$1" 2>/dev/null || true
  kill -9 "$(cat /run/libvirt/qemu/"$1".pid)"
  while [ "$(virsh domstate "$1")" = running ]; do sleep 0.1; done
}
define_unmarked() { put "$1" "$(uuid "$1")" '' ''; }
# Names that libvirt accepts, and that begin as ours do, or look like a separator.
define_shadows() {
  for name in "$1 running" " $1" "$1   paused" "gold-a b"; do put "$name" "$(uuid "$name")" '' ''; done
  virsh start "$1 running"
}
define_dashes() { put "gold-------------" "$(uuid dashes)" '' ''; put "$1" "$(uuid "$1")" "$(mark web--------1)" ''; }
# A domain whose own metadata holds a second domain's name and mark.
define_forged() { put "$1" "$(uuid "$1")" "<f:x xmlns:f='urn:f'><f:name>x</f:name><name>$2</name>$(mark forged)</f:x>" ''; }
# Directories as instances have them: of a known one, whole and half removed; of others; what is none, and a link.
leavings() {
  cd "$at/.."; mkdir -p "$(uuid kept)" "$(uuid kept)_del" "$(uuid gone)" "$(uuid half)_del" "$(uuid odd)-x"; ln -sfn / "$(uuid link)"
}
hide_socket() { mv /run/libvirt/libvirt-sock /run/libvirt/gold-sock; }
show_socket() {
  [ ! -e /run/libvirt/gold-sock ] || mv /run/libvirt/gold-sock /run/libvirt/libvirt-sock
  virsh list --name | while read -r each; do case $each in *instance-0000000[a-d]*) virsh destroy "$each" ;; esac; done
}
manifests() {
  cd $at; printf '# 5 cirros sha256:0\n%s  base\n' "$(sha256sum <base | cut -d ' ' -f 1)" >base.sha256; printf '%064d  file\n' 7 >file.sha256
}
signal() { kill "-$2" "$(cat /run/libvirt/qemu/"$1".pid)"; sleep 1; }
links() {
  mv /run/libvirt/gold-sock /run/libvirt/libvirt-sock
  ip link add gold-down type bridge
  ip link add gold-ours type bridge; ip link set gold-ours alias orchestrator
  ip link add gold-veth type veth peer name gold-peer; ip link set gold-veth master gold-br up
}
define_tapped() {
  put "$1" "$(uuid "$1")" '' '<interface type="bridge"><source bridge="gold-br"/><target dev="gold-tap"/></interface>'
}
# What goes with a definition: the memory of the first, snapshots of the second; and its password.
keep() {
  define "$1"; start "$1"; virsh managedsave "$1"
  disk='<disk type="file" device="disk"><driver name="qemu" type="qcow2"/><source file="'$at/whole.qcow2'"/><target dev="vda"/></disk>'
  put "$2" "$(uuid "$2")" '' "$disk<graphics type='vnc' passwd='gold'/>"; virsh snapshot-create-as "$2" one; virsh snapshot-create-as "$2" 'two words'
}
unkeep() {
  virsh managedsave-remove "$1"; for each in one 'two words'; do virsh snapshot-delete "$2" "$each"; done
}
clean_up() {
  [ ! -e /run/libvirt/gold-sock ] || mv /run/libvirt/gold-sock /run/libvirt/libvirt-sock
  virsh list --all --uuid | while read -r each; do
    [ -n "$each" ] || continue
    case $(virsh domname "$each") in *gold-* | *instance-0000000[a-d]*) ;; *) continue ;; esac
    virsh destroy "$each" 2>/dev/null || true; virsh undefine "$each" 2>/dev/null || true
  done
  for each in gold-br gold-down gold-ours gold-veth; do ip link del $each 2>/dev/null || true; done
  for each in kept gone half odd link; do rm -rf "$at/../$(uuid $each)"*; done
  rm -rf $at /run/orchestrator/*/gold%2F*
}
