"""What plays say of how their instances are worked off."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.model import desired

Load = Callable[..., desired.Desired]

HEAD = """
- flavors: [{name: m1, vcpus: 1, ram: 512, disk: 5}]
  images: [{name: debian, source: disk.qcow2}]
"""
PLAYS = """
- name: First
  hosts: compute
  vars: {size: 2}
  serial: [1, "30%", "{{ size }}"]
  max_fail_percentage: 49%
  any_errors_fatal: yes
  throttle: 3
  order: reverse_sorted
  handlers:
    - {name: reload dns, command: [systemctl, reload, "dns {{ size }}"]}
    - {name: tell, command: [logger, done], run_once: true}
  instances:
    - {name: "web-{{ item }}", loop: [1, 2], flavor: m1, image: debian, notify: [tell, reload dns]}
- hosts: compute
  instances: [{name: db, flavor: m1, image: debian}]
- hosts: compute
  instances: [{name: log, flavor: m1, image: debian}]
"""


def test_words_of_plays(load: Load) -> None:
    wished = load(HEAD + PLAYS)
    handlers = (desired.Handler("reload dns", ("systemctl", "reload", "dns 2")), desired.Handler("tell", ("logger", "done"), run_once=True))
    first = desired.Play("First", ("1", "30%", "2"), 49.0, any_errors_fatal=True, throttle=3, order="reverse_sorted", handlers=handlers)
    assert wished.plays == (first, desired.Play(), desired.Play())
    assert {name: wish.play for name, wish in wished.instances.items()} == {"web-1": 0, "web-2": 0, "db": 1, "log": 2}
    assert wished.instances["web-2"].notify == ("tell", "reload dns")


def test_a_number_alone(load: Load) -> None:
    play = "- {hosts: compute, serial: 25%, max_fail_percentage: 12.5, instances: [{name: web, flavor: m1, image: debian}]}"
    made = load(HEAD + play).plays[0]
    assert (made.serial, made.max_fail_percentage) == (("25%",), 12.5)
