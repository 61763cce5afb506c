"""What must be there whatever is configured, as Placement answers before Nova's filters run: claims, zones, what networks and volumes stand on.

One file each, `NAME` and `judge`, as in `filters`; all of them always hold.
"""
