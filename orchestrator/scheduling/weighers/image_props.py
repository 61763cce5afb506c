"""Hosts whose instances are made of images like this one (nova/scheduler/weights/image_props.py).

Better or worse as the multiplier says; with 0, as it is by default, nothing is counted, whatever aggregates say.
"""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling import image_properties
from orchestrator.scheduling.host_state import HostState, Request

NAME = "ImagePropertiesWeigher"
MULTIPLIER = "image_props_weight_multiplier"


def weigh(state: HostState, request: Request, options: Options) -> float:
    """Properties of its instances' images that are the request's own: each counts 1, or what image_props_weight_setting says."""
    if not options.multipliers.get(MULTIPLIER, 0.0):
        return 0.0
    wanted = image_properties.of(request.image).items()
    common = [name for each in state.residents for name, _ in image_properties.of(each.image).items() & wanted]
    setting = options.image_props_weight_setting
    return sum(setting.get(name, 0.0) if setting else 1.0 for name in common)
