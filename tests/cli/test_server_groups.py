"""Server groups as an operator declares them and looks at them."""

from __future__ import annotations

from tests.cli.world import PLAYBOOK, Operator

GROUPED = (
    PLAYBOOK.replace("tags: [web]}", "tags: [web], server_group: web}")
    + """  server_groups:
    - {name: web, policy: anti-affinity, rules: {max_server_per_host: 2}}
    - {name: empty, policy: soft-affinity}
"""
)


def test_members_are_listed_and_kept_apart(operator: Operator) -> None:
    (operator.folder / "site.yaml").write_text(GROUPED)
    operator.ok("apply", "site.yaml")
    assert operator.ok("get", "server-groups").out.splitlines() == [
        "NAME   POLICY         MEMBERS",
        "empty  soft-affinity  -",
        "web    anti-affinity  web-1,web-2,web-3",
    ]
    (web,) = operator.ok("get", "server-group", "web", "-o", "json").json  # type: ignore[misc]
    assert (web["members"], web["max_server_per_host"]) == (["web-1", "web-2", "web-3"], 2)
    assert operator.ok("describe", "server-group", "web").out.splitlines()[1:4] == [
        "name: web",
        "max_server_per_host: 2",
        "policy: anti-affinity",
    ]


def test_more_than_the_rule_lets_in_fit_nowhere_and_the_others_are_made(operator: Operator) -> None:
    (operator.folder / "site.yaml").write_text(GROUPED)
    result = operator("apply", "site.yaml", "-e", "count=5")
    assert result.code == 3
    assert "members of 'web': has 2, takes 2" in result.out + result.err
    homes = [each["host"] for each in operator.ok("get", "instances", "-o", "json").json]  # type: ignore[union-attr,index,call-overload]
    assert sorted(homes) == ["n1", "n1", "n2", "n2"]


def test_the_group_and_the_project_of_an_instance_stay(operator: Operator) -> None:
    (operator.folder / "site.yaml").write_text(GROUPED)
    operator.ok("apply", "site.yaml", "-e", "count=1")
    (operator.folder / "site.yaml").write_text(GROUPED.replace("server_group: web}", "server_group: empty, project: red}"))
    refused = operator("apply", "site.yaml", "-e", "count=1")
    assert refused.code == 65
    assert "server_group: web -> empty; project: default -> red" in refused.err
