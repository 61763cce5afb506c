"""Nova without a control plane: declarative, agentless orchestration of KVM/libvirt virtual machines."""

__version__ = "0.1.0"
