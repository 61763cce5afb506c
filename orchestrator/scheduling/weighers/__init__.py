"""One file per weigher: `weigh(state)` gives a number, higher is better, and MULTIPLIER its share (nova/scheduler/weights)."""
