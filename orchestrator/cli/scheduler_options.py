"""What files of settings say below `scheduler`: nova.conf's [filter_scheduler] and [metrics], one reader an option."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping

from msgspec import Struct, structs

from orchestrator.model import errors
from orchestrator.model.scheduler import MULTIPLIERS, Options

PREFIX = "scheduler."
"""Of the names of these settings in a layer."""
Texts = tuple[str, ...]
TRUE, FALSE = frozenset({"true", "yes", "on", "1"}), frozenset({"false", "no", "off", "0"})


def _one(texts: Texts) -> str:
    if len(texts) != 1:
        raise ValueError("it takes one value")
    return texts[0]


def _names(texts: Texts) -> Texts:
    """A list, or one text with commas between, as nova.conf has it."""
    return tuple(part.strip() for text in texts for part in text.split(",") if part.strip())


def _number(texts: Texts) -> float:
    try:
        found = float(_one(texts))
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise ValueError("it takes a number")
    return found


def _count(texts: Texts) -> int:
    text = _one(texts)
    if not (text.isascii() and text.isdigit() and len(text) < 9 and int(text) >= 1):
        raise ValueError("it takes a whole number, 1 or more")
    return int(text)


def _truth(texts: Texts) -> bool:
    word = _one(texts).lower()
    if word not in TRUE | FALSE:
        raise ValueError("it takes true or false")
    return word in TRUE


def _numbers(texts: Texts) -> dict[str, float]:
    """Numbers by name: a mapping, or a list of `name=number`, as nova.conf has it."""
    pairs = [text.partition("=") for text in _names(texts)]
    if not all(name.strip() and equals for name, equals, _ in pairs):
        raise ValueError("it takes a mapping of names to numbers")
    return {name.strip(): _number((number,)) for name, _, number in pairs}


def _filters(texts: Texts) -> Texts:
    from orchestrator.scheduling import rooms  # few say which

    names = _names(texts)
    if not names:
        raise ValueError("it takes names of filters; left out, Nova's defaults hold")
    try:
        rooms.filters_of(Options(enabled_filters=names))
    except errors.Conflict as unknown:
        raise ValueError(f"{unknown.what}: {unknown.why}") from None
    return names


class Option(Struct, frozen=True):
    """One of them."""

    read: Callable[[Texts], object]
    help: str


WEIGHED = {
    "ram_weight_multiplier": "free memory",
    "cpu_weight_multiplier": "free vcpus",
    "disk_weight_multiplier": "free disk",
    "hypervisor_version_weight_multiplier": "QEMU's version",
    "num_instances_weight_multiplier": "instances there",
    "io_ops_weight_multiplier": "instances being built there",
    "image_props_weight_multiplier": "instances of images like this one",
    "pci_weight_multiplier": "free PCI devices",
    "soft_affinity_weight_multiplier": "members of the server group there, with the policy soft-affinity",
    "soft_anti_affinity_weight_multiplier": "fewer of them, with soft-anti-affinity",
    "build_failure_weight_multiplier": "fewer builds that failed there",
    "metrics_weight_multiplier": "metrics",
}
READ: Mapping[str, Option] = {
    "enabled_filters": Option(_filters, "filters that hosts pass, by name, in this order"),
    "weight_classes": Option(_names, "weighers of other packages, beside all of ours"),
    "max_attempts": Option(_count, "hosts that are tried for one instance in all"),
    "host_subset_size": Option(_count, "one of so many best hosts is taken by chance"),
    "shuffle_best_same_weighed_hosts": Option(_truth, "of equally good hosts one is taken by chance, not the first by name"),
    "max_io_ops_per_host": Option(_count, "IoOpsFilter: instances being built at once"),
    "max_instances_per_host": Option(_count, "NumInstancesFilter: instances in all"),
    "isolated_hosts": Option(_names, "IsolatedHostsFilter: hosts for the isolated images"),
    "isolated_images": Option(_names, "IsolatedHostsFilter: images that go onto isolated hosts only"),
    "restrict_isolated_hosts_to_isolated_images": Option(_truth, "IsolatedHostsFilter: other images do not go there"),
    "image_properties_default_architecture": Option(_one, "ImagePropertiesFilter: of images that do not say theirs"),
    "aggregate_image_properties_isolation_namespace": Option(_one, "AggregateImagePropertiesIsolation: only keys that begin so count"),
    "aggregate_image_properties_isolation_separator": Option(_one, "AggregateImagePropertiesIsolation: what stands behind the namespace"),
    "image_props_weight_setting": Option(_numbers, "ImagePropertiesWeigher: how much each property counts"),
    "metrics_weight_setting": Option(_numbers, "MetricsWeigher, MetricsFilter: how much each metric counts ([metrics] weight_setting)"),
    "metrics_required": Option(_truth, "MetricsWeigher: a host that lacks one is an error ([metrics] required)"),
    "metrics_weight_of_unavailable": Option(_number, "MetricsWeigher: of a host that lacks one ([metrics] weight_of_unavailable)"),
    **{name: Option(_number, f"how much counts: {WEIGHED[name]}") for name in MULTIPLIERS},
}


def read(name: str, texts: Texts, where: str) -> object:
    """The value of the option. Raises SpecError."""
    if name not in READ:
        near = difflib.get_close_matches(name, READ, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"options are {', '.join(READ)}"
        raise errors.SpecError(f"unknown option {name!r} of scheduler", where, hint=hint)
    try:
        return READ[name].read(texts)
    except ValueError as error:
        raise errors.SpecError(f"scheduler.{name} cannot be {', '.join(texts)!r}", where, str(error)) from None


def options(found: Mapping[str, object]) -> Options:
    """The options, of values by name; what is not given is Nova's default."""
    own = {name: value for name, value in found.items() if name not in MULTIPLIERS}
    multipliers = {**MULTIPLIERS, **{name: value for name, value in found.items() if name in MULTIPLIERS}}
    return structs.replace(Options(), multipliers=multipliers, **own)


def default(name: str) -> str:
    """What holds without a word, as a file would say it."""
    value = MULTIPLIERS[name] if name in MULTIPLIERS else getattr(Options(), name)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value) if value.is_integer() else value)
    return ", ".join(value) if isinstance(value, tuple | dict) else str(value)
