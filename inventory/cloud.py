#!/usr/bin/env python3
"""An executable inventory: prints JSON for --list, as a script over a machine database would."""

import json
import sys

MACHINES = {f"vmhost{number}": {"ansible_host": f"198.51.100.{number}", "availability_zone": f"az{number % 2}"} for number in range(1, 5)}

if sys.argv[1:] == ["--list"]:
    print(
        json.dumps(
            {
                "compute": {"hosts": list(MACHINES), "vars": {"ansible_user": "root", "virt_type": "kvm"}, "children": ["spare"]},
                "spare": {"hosts": ["vmhost9"]},
                "odd": ["vmhost1", "vmhost3"],
                "_meta": {"hostvars": MACHINES},
            }
        )
    )
elif sys.argv[1:2] == ["--host"]:
    print(json.dumps(MACHINES.get(sys.argv[2], {})))
else:
    sys.exit("usage: cloud.py --list | --host NAME")
