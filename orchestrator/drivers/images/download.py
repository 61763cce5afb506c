"""An image fetched by the host that needs it: curl, else wget, told nothing but one address at a time.

Every redirect is followed by the script itself, so that each target is judged like the first: http and https alone, never from https back to http, never this
host, its link or a group, a private network only if the image's own address is in one. Names are resolved once and the transfer pinned to what was judged,
so no name means one host when it is judged and another when it is asked (wget cannot pin https; there the certificate has to be the name's).
"""

from __future__ import annotations

from orchestrator.commands.command import Command
from orchestrator.model.desired import Image

MOST = 1 << 40
"""Bytes of an image at most (glance image_size_cap)."""
SECONDS = 3600
"""For one try of a transfer; one that stays below 1,000 bytes a second for 30 s ends before."""
TRIES = 3
REDIRECTS = 5

JUDGE = r"""
fail() { rm -f -- "$part" "$part.said"; echo "$*"; exit 1; }
refuse() { fail "the image is not fetched: $1: $2"; }
kind() { # address: refused, private or public
  case $1 in
    ::ffff:*.*) kind "${1#::ffff:}" ;;
    0.* | 127.* | 169.254.* | 22[4-9].* | 23?.* | 24?.* | 25?.* | ::* | fe[89a-f]?:* | ff*:*) echo refused ;;
    10.* | 192.168.* | 172.1[6-9].* | 172.2?.* | 172.3[01].*) echo private ;;
    100.6[4-9].* | 100.[789]?.* | 100.1[01]?.* | 100.12[0-7].* | 192.0.0.* | 198.1[89].*) echo private ;;
    fc*:* | fd*:* | 64:ff9b:* | 2002:* | 2001:0:* | 2001::*) echo private ;;
    *) echo public ;;
  esac
}
judge() { # url: sets scheme authority host port addresses; 1: its name is not known
  case $1 in *[![:graph:]]* | *[\"\<\>\\^\`{}]*) refuse "$1" "it holds signs that no address has" ;; esac
  scheme=${1%%://*}
  case $scheme in
    https) port=443 ;;
    http) port=80; [ "$was" != https ] || refuse "$1" "it leads from https back to http" ;;
    *) refuse "$1" "only http and https are" ;;
  esac
  authority=${1#*://}; authority=${authority%%[/?#]*}
  case $authority in
    *@*) refuse "$1" "it holds a user" ;;
    \[*\]) host=${authority#?}; host=${host%?} ;;
    \[*\]:*) port=${authority##*:}; host=${authority%:*}; host=${host#?}; host=${host%?} ;;
    *:*) port=${authority##*:}; host=${authority%:*} ;;
    *) host=$authority ;;
  esac
  case $port in '' | *[!0-9]* | ??????*) refuse "$1" "its port is none" ;; esac
  last=${host%.}; last=${last##*.}
  case $host in
    *:*) case $host in *[!0-9a-fA-F:.]*) refuse "$1" "its host is none" ;; esac ;;
    '' | -* | *[!A-Za-z0-9._-]*) refuse "$1" "its host is none" ;;
    *[!0-9.]*) case $last in [a-zA-Z]*) ;; *) refuse "$1" "its host is a number" ;; esac ;;
    *.*.*.*.* | 0[0-9]* | *.0[0-9]* | .* | *. | *..*) refuse "$1" "its host is a number" ;;
    *.*.*.*) ;;
    *) refuse "$1" "its host is a number" ;;
  esac
  addresses= kinds=
  for address in $(getent ahosts "$host" | awk '!seen[$1]++ { print $1 }'); do
    found=$(kind "$address"); kinds="$kinds $found"
    [ "$found" != refused ] || refuse "$1" "$host is $address: that host itself, its link, or none"
    [ "$found" != private ] || [ "$origin" != public ] || refuse "$1" "$host is $address, in a private network, and $url is not"
    addresses=$addresses${addresses:+,}$address
  done
  [ "$addresses" ] || return 1
  [ "$origin" ] || case $kinds in *public*) origin=public ;; *) origin=private ;; esac
}
"""

ASK = r"""
bracketed() { case $1 in *:*) echo "[$1]" ;; *) echo "$1" ;; esac; }
too_large() { fail "the image is not fetched: $url is larger than $most bytes, which are allowed or there is room for"; }
with_curl() { # url: sets status (000: none), to, said and code
  pins=; IFS=,; for address in $addresses; do pins=$pins${pins:+,}$(bracketed "$address"); done; unset IFS
  case $host in *:*) set -- -- "$1" ;; *) set -- --resolve "$host:$port:$pins" -- "$1" ;; esac
  said=$(ulimit -f $((most / 512 + 1)); curl -q -sS -g --proto =http,https --noproxy '*' --connect-timeout 15 --max-time @SECONDS@ \
    --speed-limit 1000 --speed-time 30 --max-filesize "$most" -o "$part" -w '\n%{http_code} %{redirect_url}' "$@" 2>&1 </dev/null)
  code=$? answer=${said##*
}
  said=$(printf %s "$said" | grep '^curl: ' | tail -n 1) status=${answer%% *} to=${answer#* }
  case $status in [0-9][0-9][0-9]) ;; *) status=000 to= ;; esac
  case $code in 63 | 153) too_large ;; esac
}
with_wget() { # url: as with_curl
  asked=$1
  if [ "$scheme" = http ]; then
    rest=${asked#*://}; rest=${rest#"$authority"}
    set -- --header="Host: $authority" "http://$(bracketed "${addresses%%,*}"):$port$rest"
  fi
  (ulimit -f $((most / 512 + 1)); timeout @SECONDS@ wget --no-config --no-hsts --no-proxy -nv -S --max-redirect=0 --tries=1 --timeout=30 \
    -O "$part" "$@" >"$part.said" 2>&1 </dev/null)
  code=$?; [ "$code" != 153 ] || too_large
  status=$(sed -n 's/^  *HTTP\/[0-9.]* \([0-9][0-9][0-9]\).*/\1/p' "$part.said" | tail -n 1); status=${status:-000}
  to=$(sed -n 's/^  *[Ll]ocation: *\([^ ]*\).*/\1/p' "$part.said" | tail -n 1 | tr -d '\r')
  said=$(grep -v '^  ' "$part.said" | tail -n 1); rm -f -- "$part.said"
  case $to in
    '' | [a-zA-Z]*://*) ;;
    //*) to=$scheme:$to ;;
    /*) to=$scheme://$authority$to ;;
    *) asked=${asked%%[?#]*}; to=${asked%/*}/$to ;;
  esac
}
once() { # follows to the end; 0: fetched, 1: worth another try
  next=$url was= hops=0 status=000
  while :; do
    judge "$next" || { said="the name $host is not known there"; return 1; }
    "with_$tool" "$next"
    case $status in
      30[12378])
        [ "$to" ] || refuse "$next" "it leads nowhere"
        hops=$((hops + 1)); [ "$hops" -le @REDIRECTS@ ] || refuse "$url" "more than @REDIRECTS@ redirects"
        was=$scheme next=${to%%#*} ;;
      2??) return "$((code != 0))" ;;
      000 | 408 | 429 | 5??) return 1 ;;
      *) fail "$next: expected an image, got status $status" ;;
    esac
  done
}
"""

MAIN = r"""
LC_ALL=C; export LC_ALL; umask 022
url=$1 part=$2 most=$3 origin= said= status=000 tries=0
trap 'fail "$url: ended from outside"' TERM
if command -v curl >/dev/null; then tool=curl
elif command -v wget >/dev/null; then tool=wget
else fail "there is neither curl nor wget to fetch $url with"; fi
free=$(df -P -k -- "${part%/*}" | awk 'END { printf "%.0f", $4 * 1024 - @SPARE@ }')
[ "$free" -gt 0 ] || fail "no room for the image: it needs @SPARE@ bytes and its own, the host has $((free + @SPARE@))"
[ "$free" -ge "$most" ] || most=$free
until once; do
  tries=$((tries + 1)) got=$(stat -c %s -- "$part" 2>/dev/null)
  [ "$tries" -lt @TRIES@ ] || fail "$next: expected an image, got status $status and ${got:-0} bytes, @TRIES@ times: $said"
  rm -f -- "$part"; sleep "$tries"
done
"""

SPARE = 16 << 20
"""Bytes of the host's disk that no image may take."""

SCRIPT = "# url part most" + JUDGE + ASK + MAIN
for _name, _value in (("SECONDS", SECONDS), ("TRIES", TRIES), ("REDIRECTS", REDIRECTS), ("SPARE", SPARE)):
    SCRIPT = SCRIPT.replace(f"@{_name}@", str(_value))
"""Ends with 0 when `url`'s content is at `part`, at most `most` bytes; otherwise says why, and leaves nothing."""


def fetch(image: Image, part: str) -> Command:
    """The action by which a host fetches a remote image to the path `part`."""
    return Command(("sh", "-c", SCRIPT, "fetch-image", image.source, part, str(MOST)), timeout=TRIES * SECONDS + 60)
