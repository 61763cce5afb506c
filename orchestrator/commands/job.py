"""The shell text of a job: lanes, run detached from the connection that brought them. POSIX sh (dash, bash and busybox run it).

A job goes on to its end when the connection is cut: own session, HUP and PIPE ignored. Each record goes to the job's `out` and to whoever
still listens, as one line in one write (shorter than PIPE_BUF), so lanes side by side never mix theirs.
"""

START = r"""
trap '' HUP PIPE; umask 022; rm -f -- "$d/script"
run=/run/orchestrator
record() { printf 'lane %s\n' "$*" >>"$d/out"; printf '%s lane %s\n' "$m" "$*"; }
encode() { base64 | tr -d '\n'; }
"""

NEWEST = r"""
epochs=/var/lib/orchestrator/epochs
[ -d "$epochs" ] || mkdir -p "$epochs"
printf '%s\n' "$told" >"$epochs/$store.$epoch"
for seen in "$epochs/$store".*; do [ "${seen##*.}" -ge "$epoch" ] || rm -f -- "$seen"; done
"""
"""The newest job of a store. Each removes older ones alone, after its own is there: whichever of two comes first, the newer one stays (and, until the next
job, the older one, if it came last).
"""

JOURNAL = r"""
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
"""

ACTIONS = r"""
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
"""
"""A command's output goes to a file, not a pipe, so that a daemon it leaves behind cannot hold its lane; nor do daemons inherit locks (7, 8, 9)."""

ASK = r"""
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
"""
"""A lane's virsh commands are one process, which is told one after the other, for its own start costs more CPU than what it does (15 ms). It has answered
when it complains of a word that is none (`mark`), and did not succeed when it said `error:`. Its prompts are left out; it writes the history of what it
was told into the job's folder, instead of the user's. `watch` looks each second whether one has had its time."""

LANES = r"""
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
"""
"""Keys under shared/ are nobody's, so any epoch may hold them."""

SLOTS = r"""
clock; exec 7<>"$d/slots"
slot=$((3 * $(nproc || echo 2))); while [ "$slot" -gt 0 ]; do echo >&7; slot=$((slot - 1)); done
start() { read -r slot <&7; ( trap 'echo >&7' EXIT; lane "$@" ) & }
"""
"""At most three lanes a processor: each takes a slot from the fifo and gives it back. A start is bound by the processors, and no slower beside others; the end
of a guest is waited for: five take 1.2 s one after the other, and 0.3 s at once (measured).
"""
