# LC_ALL=C; read -r n && s=$(dd bs=65536 count="$n" iflag=fullblock,count_bytes 2>/dev/null) && [ "${#s}" = "$n" ] && eval "$s"
1242
m=--0123456789abcdef
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL; unset ENV BASH_ENV CDPATH; umask 077; cd /
say() { printf '%s %s\n' "$m" "$*"; }
refuse() { say refused "$1"; printf '%s' "$2"; finish; exit 1; }
finish() { say end; kill "$beat"; }
say hello
exec 2>/dev/null
( while sleep 4 </dev/null >/dev/null && kill -0 "$$" && say beat; do :; done ) &
beat=$!
told() { # code; stdout has passed as it is, stderr follows it
  [ "${#e}" -le 65536 ] || e=$(printf '%s' "$e" | tail -c 65536)
  [ -z "$e" ] || { say error; printf '%s' "$e"; }
  say code "$1"
}

get() { # index timeout argv...
  say read "$1"; t=$2; shift 2
  { e=$(timeout -k 5 "$t" "$@" 2>&1 >&3 3>&-); } 3>&1; c=$?; told "$c"
}
silent=
consult() { # whom index timeout argv...: who let one read wait in vain is asked no more, so that a look takes one read's time at most
  case " $silent " in *" $1 "*) say read "$2"; e="$1 was asked before, and did not answer in time"; told 124; return ;; esac
  whom=$1; shift; get "$@"
  case $c in 124 | 137 | 143) silent="$silent $whom" ;; esac
}
{
consult 'libvirt' 0 20 'virsh' 'list' '--all'
printf %s 'one
'\''two'\''
' | get 1 60 'cat' 'it'\''s'
get 2 60 'true'
} </dev/null
finish
