# LC_ALL=C; read -r n && s=$(dd bs=65536 count="$n" iflag=fullblock,count_bytes 2>/dev/null) && [ "${#s}" = "$n" ] && eval "$s"
1959
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
run=/run/orchestrator jobs=/run/orchestrator/jobs log=/var/log/orchestrator
[ -d "$jobs" ] && [ -d "$run/locks" ] && [ -d "$run/epochs" ] && [ -d "$log" ] ||
  e=$(mkdir -p "$jobs" "$run/locks" "$run/epochs" "$log" 2>&1) || refuse prepare "$e"
claim() { # a job's lock, held as long as anything of the job runs
  true >>"$jobs/$1.lock" || refuse prepare "cannot write $jobs/$1.lock"
  exec 8>>"$jobs/$1.lock"; flock -n 8 || timeout 3600 flock 8 || refuse busy "$1"
}
attach() { claim "$1"; mkdir "$jobs/$1"; exec 8>&-; }
job='asked'
d=$jobs/$job
stage() { # size path
  e=$( { umask 022; mkdir -p -- "${2%/*}" && dd bs=65536 count="$1" iflag=fullblock,count_bytes of="$2" && [ "$(wc -c <"$2")" -eq "$1" ]; } 2>&1 ) || refuse stage "$e"
}
launch() { # test and set: only who makes the directory runs the job
  claim "$job"
  if mkdir "$d"; then
    e=$( { printf '%s' "$b" >"$d/script" && true >"$d/out"; } 2>&1 ) || { rm -rf -- "$d"; refuse prepare "$e"; }
    setsid sh "$d/script" </dev/null &
    trap - EXIT; exec 8>&-; wait "$!"
  else
    [ -d "$d" ] || refuse prepare "cannot make $d"
    exec 8>&-
    while IFS= read -r line; do printf '%s %s\n' "$m" "$line"; done <"$d/out"
  fi
  [ -e "$d/done" ] || say lost
}
prune() { # what ended more than a day ago
  find "$jobs" -mindepth 2 -maxdepth 2 -name done -mmin +1440 -exec sh -c \
    'for f; do d=${f%/done}; rm -rf -- "$d" "$d.lock"; done' sh {} +
}
trap 'exit 1' HUP INT TERM PIPE
b=$(dd bs=65536 count=6041 iflag=fullblock,count_bytes); [ ${#b} = 6041 ] || exit 1
launch
finish
prunem=--0123456789abcdef job='asked' d='/run/orchestrator/jobs/asked'
epoch=1
trap '' HUP PIPE; umask 022; rm -f -- "$d/script"
run=/run/orchestrator
record() { printf 'lane %s\n' "$*" >>"$d/out"; printf '%s lane %s\n' "$m" "$*"; }
encode() { base64 | tr -d '\n'; }
day= second=
clock() { # `date` once a day: what has passed since is reckoned
  read -r up rest </proc/uptime
  [ "${up%.*}" != "$second" ] || return 0
  second=${up%.*}
  [ -n "$day" ] && [ $((second - midnight)) -lt 86400 ] || {
    set -- $(date -u '+%Y-%m-%dT %H %M %S' || echo '? 0 0 0')
    day=$1 midnight=$((second - 3600 * ${2#0} - 60 * ${3#0} - ${4#0}))
  }
  set -- $((second - midnight))
  set -- $((100 + $1 / 3600)) $((100 + $1 / 60 % 60)) $((100 + $1 % 60))
  utc=$day${1#1}:${2#1}:${3#1}Z
}
journal() { # step command
  clock
  printf '%s\n' "$utc epoch=$epoch job=$job lane=$key step=$1 $2" >>/var/log/orchestrator/journal.log
}
accepted() { case " $accepts " in *" $1 "*) ;; *) return 1 ;; esac; }
settle() { # exit code: record it, and say whether it is an accepted one
  c=$1
  [ -z "$otherwise" ] || accepted "$c" || { eval "limited $otherwise" >>"$f" 2>&1; c=$?; }
  o=; [ ! -s "$f" ] || o=$(tail -c 2000 "$f" | encode)
  record "$n" "$i" done "$c" "$o"
  accepted "$c"
}
otherwise=
limited() { timeout -k 5 "$seconds" "$@" 5>&- 6>&- 7>&- 8>&- 9>&-; }
act() { # index timeout accepts step command argv...
  i=$1 seconds=$2 accepts=$3; journal "$4" "$5"; shift 5
  limited "$@" >"$f" 2>&1
  settle "$?"
}
put() { # index step command mask mode path, then what prints the content
  i=$1 accepts=0 mask=$4 mode=$5 path=$6; journal "$2" "$3"; shift 6
  { rm_stale && ( umask "$mask"; "$@" >"$path.part" ) && executable && \
    timeout -k 5 600 sync "$path.part" && mv -fT -- "$path.part" "$path"; } >"$f" 2>&1
  c=$?; [ "$c" = 0 ] || rm -f -- "$path.part"
  settle "$c"
}
rm_stale() { [ ! -e "$path.part" ] || rm -f -- "$path.part"; }
executable() { case $mode in *[1357]*) chmod "$mode" "$path.part" ;; esac; }
decode() { printf '%s' "$1" | base64 -d; }
place() { # index step command staged path
  i=$1 accepts=0; journal "$2" "$3"
  mv -fT -- "$4" "$5" >"$f" 2>&1
  settle "$?"
}
mark=${m#--}
ask() { # index timeout accepts step command uri line
  i=$1 seconds=$2 accepts=$3; journal "$4" "$5"; shift 5
  converse "$@" >"$f" 2>&1
  settle "$?"
}
converse() { # uri line
  [ -n "$virsh" ] || meet "$1" || return
  limit "$seconds"; printf '%s\n%s\n' "$2" "$mark" >&5
  c=0
  while IFS= read -r said; do
    case $said in
    *"'$mark'"*) true >"$d/$n.limit"; return "$c" ;;
    error:*|'virsh # error:'*) c=1 said=${said#'virsh # '} ;;
    'virsh # '*) continue ;;
    esac
    printf '%s\n' "$said"
  done <&6
  part; c=$?
  case $c in 0) c=1 ;; 137|143) c=124 ;; esac
  return "$c"
}
meet() { # uri
  [ -p "$d/$n.said" ] || mkfifo "$d/$n.asked" "$d/$n.said" || return
  XDG_CACHE_HOME=$d INPUTRC=/dev/null TERM=dumb virsh -q -c "$1" <"$d/$n.asked" >"$d/$n.said" 2>&1 7>&- 8>&- 9>&- &
  virsh=$!
  exec 5>"$d/$n.asked" 6<"$d/$n.said"
}
part() { # ends it; its exit code
  exec 5>&-; limit 5; wait "$virsh"
  set -- "$?"; true >"$d/$n.limit"; exec 6<&-; virsh=
  return "$1"
}
limit() { read -r up rest </proc/uptime; echo "$virsh $((${up%.*} + $1))" >"$d/$n.limit"; }
watch() {
  while sleep 1 && [ ! -e "$d/done" ] && kill -0 "$$"; do
    read -r up rest </proc/uptime
    for each in "$d/"*.limit; do
      read -r pid end <"$each" && [ "${up%.*}" -gt "$end" ] || continue
      if [ "${up%.*}" -gt $((end + 5)) ]; then kill -KILL "$pid"; else kill "$pid"; fi
    done
  done
}
( watch </dev/null >/dev/null 2>&1 & )
deny() { record "$n" 0 "$1" 0 "$(printf '%s' "$2" | encode)"; }
fence() { # lock; the last line of the file is the highest epoch seen
  there=0
  [ ! -e "$run/epochs/$1" ] || while read -r seen; do there=$seen; done <"$run/epochs/$1"
  if [ "$there" -gt "$epoch" ]; then deny fenced "epoch $there > $epoch"; return 1; fi
  [ "$there" -eq "$epoch" ] || printf '%s\n' "$epoch" >>"$run/epochs/$1"
}
made() { # path actions: by another job, while this one waited for the lock
  [ -e "$1" ] || return 1
  i=0; while [ "$i" -lt "$2" ]; do record "$n" "$i" done 0 ''; i=$((i + 1)); done
}
lane() { # number patience key lock parents...
  n=$1 patience=$2 key=$3 lock=$4 f=$d/$1.output; shift 4
  for parent; do [ -e "$d/$parent.ok" ] || { deny skipped "lane $parent did not end well"; return; }; done
  true >>"$run/locks/$lock" || { deny locked "cannot write $run/locks/$lock"; return; }
  exec 9>>"$run/locks/$lock"
  flock -n 9 || timeout "$patience" flock 9 || { deny locked "another job held $run/locks/$lock for $patience s"; return; }
  case $key in shared/*) ;; *) fence "$lock" || return ;; esac
  virsh=; "lane_$n" && true >"$d/$n.ok"
  [ -z "$virsh" ] || part
}
mkfifo "$d/slots" "$d/0.asked" "$d/0.said"
clock; exec 7<>"$d/slots"
slot=$((3 * $(nproc || echo 2))); while [ "$slot" -gt 0 ]; do echo >&7; slot=$((slot - 1)); done
start() { read -r slot <&7; ( trap 'echo >&7' EXIT; lane "$@" ) & }
lane_0() { :
otherwise=''\''sh'\'' '\''-c'\'' '\''exit 1'\'''
ask 0 60 '0' '-' 'virsh -q -c qemu:///system destroy --domain 0003 || sh -c '\''exit 1'\''' 'qemu:///system' 'destroy --domain 0003' || return
otherwise=
act 1 60 '0' '-' 'true' 'true' || return
ask 2 20 '0 1' '-' 'virsh -q -c qemu:///system define --file '\''/it'\''"'\''"'\''s'\''' 'qemu:///system' 'define --file '\''/it'\''"'\''"'\''s'\''' || return
printf %s 'secret' | act 3 60 '0' '-' 'virsh -q -c qemu:///system secret-set-value --file /dev/stdin' 'virsh' '-q' '-c' 'qemu:///system' 'secret-set-value' '--file' '/dev/stdin' || return
act 4 60 '0' '-' 'virsh -q -c qemu:///system start --domain '\''not\none line'\''' 'virsh' '-q' '-c' 'qemu:///system' 'start' '--domain' 'not
one line' || return
}
lane_1() { :
act 0 60 '0' '-' 'virsh -q -c qemu:///system start --domain alone' 'virsh' '-q' '-c' 'qemu:///system' 'start' '--domain' 'alone' || return
}
start 0 30 'instance/0003' 'instance%2F0003'
start 1 30 'instance/0004' 'instance%2F0004'
wait
wait
true >"$d/done"
