"""The same judgement as this room's Python, on the host itself: nothing that a header says reaches QEMU before this script has agreed.

POSIX sh, awk and od, for every image, uploaded or fetched; `tests/images` holds both to one answer. Numbers are awk's doubles: exact up to 2^53, and what is
larger than the file or the limit is refused before it is calculated with.
"""

from __future__ import annotations

from orchestrator.commands.command import Command
from orchestrator.drivers.images import formats, qcow2

FUNCTIONS = r"""
function no(why) { print "the image is refused: " why; exit 65 }
function cut(part) { no(part " lies beyond the end of the file: it is truncated or damaged") }
function u32(at) { return ((b[at] * 256 + b[at + 1]) * 256 + b[at + 2]) * 256 + b[at + 3] }
function u64(at) { return u32(at) * 4294967296 + u32(at + 4) }
function od(at, many) { return sprintf("od -An -v -t u1 -j %.0f -N %.0f <\"$IMAGE\"", at, many) }
function load(at, many, into,   command, line, words, count, i, n) {
  command = od(at, many); n = 0
  while ((command | getline line) > 0) { count = split(line, words, " "); for (i = 1; i <= count; i++) into[n++] = words[i] }
  close(command)
  return n
}
function bears(name, bytes, at, there,   words, count, i) {
  count = split(bytes, words, " ")
  for (i = 1; i <= count; i++) if (!((at + i - 1) in there) || there[at + i - 1] != words[i]) return
  if (!(name in found)) { found[name]; formats = formats (kinds++ ? " and " : "") name }
}
function recognise(   last) {
  @SIGNATURES@
  if (size < @SECTOR@) return
  load(size - @SECTOR@, @SECTOR@, last)
  @TRAILERS@
}
function power(n,   of_two) { for (of_two = 1; n > 0; n--) of_two *= 2; return of_two }
function table(part, offset, many, most) {
  if (many <= 0 || many > most) no(part " claims " sprintf("%.0f", many) " bytes")
  if (offset == 0 || offset % cluster) no(part " claims an impossible offset")
  if (offset + many > size) cut(part)
}
"""

QCOW2 = r"""
function features() {
  for (i = 72; i < 79; i++) if (b[i]) no("it has unknown incompatible features")
  if (b[79] % 2) no("it was not closed properly (dirty)")
  if (int(b[79] / 2) % 2) no("it is marked corrupt")
  if (int(b[79] / 4) % 2) no("it keeps its data in another file")
  if (b[79] >= 32) no("it has unknown incompatible features")
  extended = int(b[79] / 16) % 2
  if (u32(96) > 6) no("its refcount width is impossible")
  header = u32(100)
  if (header < 104 || header % 8 || header > end) no("its header claims a length of " header " bytes")
  if ((header > 104 ? b[104] + 0 : 0) != int(b[79] / 8) % 2) no("its compression type is not known here")
}
function extensions(at,   kind) {
  while (at + 8 <= end) {
    if (at + 8 > have) cut("the header")
    kind = u32(at)
    if (kind == 0) return
    @EXTENSIONS@
    at += 8 + int((u32(at + 4) + 7) / 8) * 8
  }
  if (at > end) no("a header extension claims more than there is room for")
}
function entry(w, i,   high, low, unit) { # where an entry of a table leads; sets packed
  high = (w[i + 1] * 256 + w[i + 2]) * 256 + w[i + 3]
  low = ((w[i + 4] * 256 + w[i + 5]) * 256 + w[i + 6]) * 256 + w[i + 7]
  packed = int(w[i] / 64) % 2
  if (!packed) return high * 4294967296 + low - low % 512
  high += (w[i] % 64) * 16777216
  unit = power(38 - bits)
  return (high % unit) * 4294967296 + low
}
function l1(at, many,   command, line, w, n, i, offset) {
  command = od(at, many)
  while ((command | getline line) > 0) {
    n = split(line, w, " ")
    for (i = 1; i < n; i += 8) {
      w[i] %= 64 # its flags are of no meaning here
      if ((offset = entry(w, i)) && !(offset in seen)) { seen[offset]; tables[count++] = offset }
    }
  }
  close(command)
}
function l2(at,   command, line, w, n, i, offset) {
  if (at % cluster) no("an L2 table claims an impossible offset")
  if (at + cluster > size) cut("an L2 table")
  command = od(at, cluster)
  while ((command | getline line) > 0) {
    n = split(line, w, " ")
    for (i = 1; i < n; i += width) {
      offset = entry(w, i)
      if (offset >= size) cut("a data cluster")
      if (packed) folded++
      else if (offset) plain++
    }
  }
  close(command)
}
function qcow2(   i) {
  if (have < 72) cut("the header")
  version = u32(4); bits = u32(20); virtual = u64(24)
  if (version != 2 && version != 3) no("version " version " is not 2 or 3")
  if (bits < 9 || bits > 21) no("its cluster size is impossible")
  cluster = power(bits); end = cluster < @HEAD@ ? cluster : @HEAD@; if (have > end) have = end
  if (u64(8) || u32(16)) no("it has a backing file")
  if (u32(32)) no("it is encrypted")
  if (u32(60)) no("it has internal snapshots")
  if (virtual <= 0 || virtual > @MAX_VIRTUAL@) no("its virtual size is " sprintf("%.0f", virtual) " bytes")
  header = 72; extended = 0
  if (version == 3) { if (have < 104) cut("the header"); features() }
  extensions(header)
  table("the refcount table", u64(48), u32(56) * cluster, @MAX_REFCOUNT@)
  table("the L1 table", u64(40), u32(36) * 8, @MAX_L1@)
  width = extended ? 16 : 8
  if (u32(36) * cluster * (cluster / width) < virtual) no("the L1 table is too short for its virtual size")
  l1(u64(40), u32(36) * 8)
  if (count * cluster > size) cut("an L2 table")
  for (i = 0; i < count; i++) l2(tables[i])
  if (plain * cluster > size) no("it uses clusters more than once: it would unfold to more than it holds")
  need = (plain + folded) * cluster
}
"""

MAIN = r"""
BEGIN {
  size = ENVIRON["SIZE"] + 0; most = ENVIRON["MOST"] + 0; free = ENVIRON["FREE"] + 0; declared = ENVIRON["FORMAT"]
  if (size == 0) no("it is empty")
  have = load(0, @HEAD@, b)
  recognise()
  if (declared == "raw") {
    if (kinds) no("declared raw, it has the signature of " formats)
  } else if (declared != "qcow2" && declared != "iso") no("its format " declared " is not known here")
  else if (formats != declared) no("declared " declared ", it has " (kinds ? "the signature of " formats : "no such signature"))
  virtual = need = size
  if (declared == "qcow2") qcow2()
  else if (size % @SECTOR@) no(sprintf("%.0f", size) " bytes are not a multiple of @SECTOR@")
  if (declared == "iso") {
    if (b[32768] != 1 || b[32774] != 1) no("its volume descriptor is of no kind known here")
    unit = b[32896] + b[32897] * 256; blocks = ((b[32851] * 256 + b[32850]) * 256 + b[32849]) * 256 + b[32848]
    if (unit != 2048) no("its blocks have " unit " bytes")
    if (blocks == 0 || blocks * unit > size) cut("a part of its volume")
  }
  if (virtual > most) no("its disk has " sprintf("%.0f", virtual) " bytes, " sprintf("%.0f", most) " are allowed")
  if (need > free) { print "no room for the image: it needs " sprintf("%.0f", need) " bytes, the host has " sprintf("%.0f", free); exit 1 }
}
"""


def _program() -> str:
    def line(name: str, at: str, magic: bytes, array: str) -> str:
        return f'bears("{name}", "{" ".join(map(str, magic))}", {at}, {array})'

    filled = {
        "SIGNATURES": "\n  ".join(line(name, str(at), magic, "b") for name, at, magic in formats.SIGNATURES),
        "TRAILERS": "\n  ".join(line(name, "0", magic, "last") for name, magic in formats.TRAILERS),
        "EXTENSIONS": "\n    ".join(f'if (kind == {kind}) no("it {why}")' for kind, why in qcow2.REFUSED_EXTENSIONS.items()),
        "SECTOR": str(formats.SECTOR),
        "HEAD": str(qcow2.HEAD),
        "MAX_VIRTUAL": str(qcow2.MAX_VIRTUAL),
        "MAX_L1": str(qcow2.MAX_L1),
        "MAX_REFCOUNT": str(qcow2.MAX_REFCOUNT),
    }
    program = FUNCTIONS + QCOW2 + MAIN
    for name, text in filled.items():
        program = program.replace(f"@{name}@", text)
    return program


SCRIPT = f"""# path format most
[ -f "$1" ] && [ ! -h "$1" ] || {{ echo "$1 is not a regular file"; exit 1; }}
LC_ALL=C IMAGE=$1 FORMAT=$2 MOST=$3
SIZE=$(stat -c %s -- "$1") FREE=$(df -P -k -- "${{1%/*}}" | awk 'END {{ printf "%.0f", $4 * 1024 }}')
export LC_ALL IMAGE FORMAT MOST SIZE FREE
awk '{_program()}' </dev/null || {{ code=$?; rm -f -- "$1"; exit "$code"; }}
"""
"""Ends with 0 when the file at `path` is a whole, self-contained image of `format`, its disk is not larger than `most` bytes and there is room to unfold
it beside itself; otherwise says why, and removes it: 65 when the image is at fault (`cache.REFUSED`), something else when the host is."""


def inspect(path: str, disk_format: str, most: int) -> Command:
    """The action that judges the file at `path`; `most` is how many bytes its disk may have."""
    return Command(("sh", "-c", SCRIPT, "inspect-image", path, disk_format, str(most)), timeout=1800)
