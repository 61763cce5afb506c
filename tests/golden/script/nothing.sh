# LC_ALL=C; read -r n && s=$(dd bs=65536 count="$n" iflag=fullblock,count_bytes 2>/dev/null) && [ "${#s}" = "$n" ] && eval "$s"
418
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
finish
