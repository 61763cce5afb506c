"""The peers, when they are installed (`make bench-peers`): ansible-core and pyinfra do the same work, by the playbooks in peers/."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from msgspec import Struct

from tests.bench import meter
from tests.bench.meter import Cost, HostGroup
from tests.bench.work import Size
from tests.e2e.conftest import Lab

HERE = Path(__file__).parent / "peers"
VERBS = {"reboot": "reboot", "delete": "delete"}
"""Phases that are not the idempotent play."""


class Peer(Struct, frozen=True):
    """One of them: `name` is ansible or pyinfra, `bin` where its commands are."""

    name: str
    bin: Path
    lab: Lab
    image: Path
    hosts: HostGroup
    folder: Path

    def __call__(self, phase: str, size: Size) -> Cost:
        """Run the phase."""
        verb = VERBS.get(phase, "apply")
        return self._ansible(verb, size) if self.name == "ansible" else self._pyinfra(verb, size)

    def _data(self, verb: str, size: Size, number: int) -> dict[str, object]:
        sha = hashlib.sha1(self.image.read_bytes(), usedforsecurity=False).hexdigest()
        vms = [
            {
                "number": k,
                "uuid": f"00000000-0000-4000-9000-{k:012}",
                "tap": f"tappe{k:04}",
                "mac": f"fa:16:3e:01:00:{k:02x}",
                "ip": f"10.79.0.{k + 10}",
            }
            for k in range(number, size.instances, len(size.hosts))
        ]
        return {"phase": verb, "sha": sha, "image": str(self.image), "vms": vms}

    def _ansible(self, verb: str, size: Size) -> Cost:
        top = self.lab.inventory.parent
        ssh = f"-o UserKnownHostsFile={top}/known_hosts"
        common = {"ansible_user": "root", "ansible_ssh_private_key_file": str(top / "id_ed25519"), "ansible_ssh_common_args": ssh}
        hosts = {
            host: {
                "ansible_host": self.lab.hosts[host]["address"],
                "ansible_python_interpreter": "/usr/bin/python3",
                **self._data(verb, size, number),
            }
            for number, host in enumerate(size.hosts)
        }
        inventory = self.folder / "ansible.json"
        inventory.write_text(json.dumps({"bench": {"hosts": hosts, "vars": common}}))
        tuned = {"ANSIBLE_PIPELINING": "1", "ANSIBLE_FORKS": str(len(size.hosts)), "ANSIBLE_LOCALHOST_WARNING": "0", "LC_ALL": "C.UTF-8"}
        argv = [str(self.bin / "ansible-playbook"), "-i", str(inventory), str(HERE / "ansible.yaml")]
        return meter.run(argv, self.hosts, {**os.environ, **tuned})

    def _pyinfra(self, verb: str, size: Size) -> Cost:
        top = self.lab.inventory.parent
        common = {"ssh_user": "root", "ssh_key": str(top / "id_ed25519"), "ssh_known_hosts_file": str(top / "known_hosts")}
        hosts = [
            (host, {"ssh_hostname": self.lab.hosts[host]["address"], **common, **self._data(verb, size, number)})
            for number, host in enumerate(size.hosts)
        ]
        inventory = self.folder / "inventory.py"
        inventory.write_text(f"bench = {hosts!r}\n")
        return meter.run([str(self.bin / "pyinfra"), "-y", str(inventory), str(HERE / "deploy.py")], self.hosts, dict(os.environ))
