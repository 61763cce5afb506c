"""The shell text of a session: what the connection runs and waits for. POSIX sh (dash, bash and busybox run it).

The session reads, waits for jobs and starts one; it changes nothing itself but the job's own files and staged transfers. Its words to the
controller are control lines, `<marker> <word>...`; all other bytes between them are payload or noise.
"""

BOOTSTRAP = (
    """LC_ALL=C; read -r n && s=$(dd bs=65536 count="$n" iflag=fullblock,count_bytes 2>/dev/null) && [ "${#s}" = "$n" ] && eval "$s\""""
)
"""Reads the session text's length, a line, and exactly the text from stdin, and runs it, or nothing when less came (dd, because busybox head reads on).
The same for every batch, so that it can be begun before there is one. Single-quoted, it means itself to any login shell."""

START = r"""
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL; unset ENV BASH_ENV CDPATH; umask 077; cd /
say() { printf '%s %s\n' "$m" "$*"; }
refuse() { say refused "$1"; printf '%s' "$2"; finish; exit 1; }
finish() { say end; kill "$beat"; }
say hello
exec 2>/dev/null
( while sleep 4 </dev/null >/dev/null && kill -0 "$$" && say beat; do :; done ) &
beat=$!
"""
"""A heartbeat every 4 s tells a long command from a dead peer; it ends with its session, and its sleep holds nothing of it open."""

TOLD = r"""
told() { # code; stdout has passed as it is, stderr follows it
  [ "${#e}" -le 65536 ] || e=$(printf '%s' "$e" | tail -c 65536)
  [ -z "$e" ] || { say error; printf '%s' "$e"; }
  say code "$1"
}
"""

READ = (
    TOLD
    + r"""
get() { # index timeout argv...
  say read "$1"; t=$2; shift 2
  { e=$(timeout -k 5 "$t" "$@" 2>&1 >&3 3>&-); } 3>&1; c=$?; told "$c"
}
"""
)

CONSULT = r"""
silent=
consult() { # whom index timeout argv...: who let one read wait in vain is asked no more, so that a look takes one read's time at most
  case " $silent " in *" $1 "*) say read "$2"; e="$1 was asked before, and did not answer in time"; told 124; return ;; esac
  whom=$1; shift; get "$@"
  case $c in 124 | 137 | 143) silent="$silent $whom" ;; esac
}
"""

TOGETHER = r"""
together() { # index timeout text: of several reads; where one takes too long, each has its own time
  timeout -k 5 "$2" sh -c "$one_shell
$3" "$m" || { say again "$1"; eval "$3"; }
}
"""
"""A process for each read and one for its limit took more than what most of them do."""

ONE_SHELL = (
    r"""
read -r pid name state parent group rest </proc/self/stat
read -r name </proc/$parent/comm && [ "$name $parent" = "timeout $group" ] || exit 1
m=$0
say() { printf '%s %s\n' "$m" "$*"; }
run() {
  [ "$1 $2" = 'sh -c' ] || { "$@"; return; }
  text=$3; shift 3; [ "$#" = 0 ] || shift; eval "$text"
}
get() { # index timeout argv...
  say read "$1"; shift 2
  { e=$(run "$@" 2>&1 >&3 3>&-); } 3>&1; told "$?"
}
"""
    + TOLD
)
"""What `sh -c` would run, a part of this shell runs: it ends with it, and leaves nothing in it. Only a `timeout` that ends all that it began (coreutils has a
process group for it, busybox has not) may be given several reads: what outlived it would go on to speak.
"""

CLAIM = r"""
run=/run/orchestrator jobs=/run/orchestrator/jobs log=/var/log/orchestrator
[ -d "$jobs" ] && [ -d "$run/locks" ] && [ -d "$run/epochs" ] && [ -d "$log" ] ||
  e=$(mkdir -p "$jobs" "$run/locks" "$run/epochs" "$log" 2>&1) || refuse prepare "$e"
claim() { # a job's lock, held as long as anything of the job runs
  true >>"$jobs/$1.lock" || refuse prepare "cannot write $jobs/$1.lock"
  exec 8>>"$jobs/$1.lock"; flock -n 8 || timeout 3600 flock 8 || refuse busy "$1"
}
attach() { claim "$1"; mkdir "$jobs/$1"; exec 8>&-; }
"""
"""Attaching waits for a job's end. A job not seen here yet gets an empty directory: were its script still under way, it would never start."""

RUN = r"""
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
"""
