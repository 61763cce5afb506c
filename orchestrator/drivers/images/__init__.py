"""Image formats, and the blank files that ephemeral and swap disks are overlays of."""
