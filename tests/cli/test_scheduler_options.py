"""Options of the scheduler in files of settings, under Nova's names."""

from __future__ import annotations

import pytest
from msgspec import structs

from orchestrator import main
from orchestrator.cli import scheduler_options, settings
from orchestrator.model import errors
from orchestrator.model.scheduler import MULTIPLIERS, Options
from tests.cli.world import PLAYBOOK, Operator


def resolved(**texts: tuple[str, ...]) -> Options:
    return settings.resolve({}, [{f"scheduler.{name}": (each, "f:1:1") for name, each in texts.items()}]).scheduler


def test_every_option_can_be_said() -> None:
    fields = set(Options.__struct_fields__) - {"multipliers"}
    assert set(scheduler_options.READ) == fields | set(MULTIPLIERS)


def test_nothing_said_is_novas_default() -> None:
    assert settings.resolve({}, []).scheduler == Options()


def test_values() -> None:
    found = resolved(
        enabled_filters=("ComputeFilter, IoOpsFilter", "JsonFilter"),
        max_attempts=("2",),
        shuffle_best_same_weighed_hosts=("Yes",),
        isolated_hosts=("n1", "n2"),
        metrics_weight_setting=("cpu.percent=-1.5", "idle = 2"),
        metrics_weight_of_unavailable=("-5",),
        image_properties_default_architecture=("x86_64",),
        ram_weight_multiplier=("-1.5",),
    )
    assert found == structs.replace(
        Options(),
        enabled_filters=("ComputeFilter", "IoOpsFilter", "JsonFilter"),
        max_attempts=2,
        shuffle_best_same_weighed_hosts=True,
        isolated_hosts=("n1", "n2"),
        metrics_weight_setting={"cpu.percent": -1.5, "idle": 2.0},
        metrics_weight_of_unavailable=-5.0,
        image_properties_default_architecture="x86_64",
        multipliers={**MULTIPLIERS, "ram_weight_multiplier": -1.5},
    )


@pytest.mark.parametrize(
    ("name", "texts", "words"),
    [
        ("max_attempt", ("2",), "unknown option 'max_attempt' of scheduler; did you mean 'max_attempts'?"),
        ("colour", ("2",), "options are enabled_filters, weight_classes"),
        ("enabled_filters", ("",), "it takes names of filters"),
        ("max_attempts", ("0",), "scheduler.max_attempts cannot be '0': it takes a whole number, 1 or more"),
        ("max_attempts", ("1", "2"), "it takes one value"),
        ("ram_weight_multiplier", ("much",), "it takes a number"),
        ("cpu_weight_multiplier", ("inf",), "it takes a number"),
        ("metrics_required", ("perhaps",), "it takes true or false"),
        ("metrics_weight_setting", ("cpu",), "it takes a mapping of names to numbers"),
        ("image_props_weight_setting", ("os_distro=x",), "it takes a number"),
    ],
)
def test_wrong_ones(name: str, texts: tuple[str, ...], words: str) -> None:
    with pytest.raises(errors.SpecError) as caught:
        resolved(**{name: texts})
    assert str(caught.value).startswith("f:1:1: ")
    assert words in str(caught.value)


def test_files_say_them_the_nearest_of_each_option_holds(operator: Operator) -> None:
    operator.write(
        ".config/orchestrator/orchestrator.yaml", "scheduler:\n  ram_weight_multiplier: -1\n  isolated_hosts: [n1]\n  max_attempts: 1\n"
    )
    operator.write("orchestrator.yaml", "scheduler: {ram_weight_multiplier: 1, metrics_weight_setting: {load: -1.0}}\n")
    found = settings.resolve({}, tuple(main._layers())).scheduler
    assert (found.multipliers["ram_weight_multiplier"], found.isolated_hosts, found.max_attempts) == (1.0, ("n1",), 1)
    assert found.metrics_weight_setting == {"load": -1.0}


@pytest.mark.parametrize(
    "text", ["scheduler: [ram_weight_multiplier]\n", "scheduler: {max_attempts: {a: {b: 1}}}\n", "scheduler: {max_attempts: [[1]]}\n"]
)
def test_what_is_no_mapping_of_options(operator: Operator, text: str) -> None:
    operator.write("orchestrator.yaml", text)
    refused = operator("get", "hosts")
    assert refused.code == 65
    assert "cannot be this" in refused.err


def test_they_decide_where_instances_go(operator: Operator) -> None:
    """Memory counts against a host, so that instances are packed; n1 is the first of equals."""
    operator.write(
        "orchestrator.yaml",
        "scheduler: {ram_weight_multiplier: -1, cpu_weight_multiplier: 0, disk_weight_multiplier: 0, io_ops_weight_multiplier: 0}\n",
    )
    operator.write("site.yaml", PLAYBOOK)
    operator.ok("apply", "site.yaml")
    assert [each["host"] for each in operator.ok("get", "instances", "-o", "json").json] == ["n1", "n1", "n1"]  # type: ignore[union-attr,index,call-overload]


def test_a_filter_that_nobody_knows_is_told(operator: Operator) -> None:
    operator.write("orchestrator.yaml", "scheduler: {enabled_filters: [ComputeFilter, RamFilter]}\n")
    operator.write("site.yaml", PLAYBOOK)
    refused = operator("plan", "site.yaml")
    assert refused.code == 65
    assert "orchestrator.yaml:1:13: scheduler.enabled_filters cannot be" in refused.err
    assert "no filter 'RamFilter'" in refused.err
