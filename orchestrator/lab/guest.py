"""x"""
from pathlib import Path
def image(root: Path, path: Path | None) -> Path:
    raise NotImplementedError
