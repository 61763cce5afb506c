"""Captures what a real host answers of its image cache: `python -m tests.images.capture SSH ARGV...` (see tests/golden/capture.py)."""

from __future__ import annotations

import sys

from orchestrator.facts import cached, image_cache
from tests.golden.capture import play

AT = "/var/lib/nova/gold-images"
NAMES = tuple(letter * 40 for letter in "abcdef")
SCENES = f"""
at={AT}
set_up() {{
  mkdir -p $at/_base $at/somebody; cd $at/_base
  for b in {NAMES[0]} {NAMES[1]}; do truncate -s 1M $b; sum=$(sha256sum <$b)
    printf '# 1048576 guest sha256:%064d\\n%s  %s\\n' 7 "${{sum%% *}}" $b >$b.sha256; touch -d '26 hours ago' $b; done
  truncate -s 1000 {NAMES[1]}
  truncate -s 1M {NAMES[2]}
  printf '# 1048576 lost sha256:%064d\\n%064d  %s\\n' 7 8 {NAMES[3]} >{NAMES[3]}.sha256
  printf 'nothing of ours\\n' >{NAMES[4]}.sha256; printf x >{NAMES[4]}
  mkdir {NAMES[5]}; ln -s {NAMES[0]} link; : >{NAMES[0]}.part; truncate -s 1M swap_1
  for b in {NAMES[0]} {NAMES[3]}; do qemu-img create -q -u -f qcow2 -F raw -b $at/_base/$b $at/somebody/disk.$b 1M; done
  printf 'no disk\\n' >$at/somebody/disk.txt
}}
clean_up() {{ rm -rf $at; }}
"""
CASES = {
    "cached/all": ("", tuple(cached.Key(f"{AT}/_base/{name}") for name in (*NAMES, "link", "none", "none of ours"))),
    "cached/nothing": ("", (cached.Key(f"{AT}/none"),)),
    "image_cache/all": ("", (image_cache.Key(AT),)),
    "image_cache/nothing": ("", (image_cache.Key("/none"),)),
}

if __name__ == "__main__":
    play(sys.argv[1:], CASES, SCENES, "set_up")
