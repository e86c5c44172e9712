"""Where features are kept, and folder names that are safe whatever a model is called."""

from __future__ import annotations

import os
import re
from pathlib import Path

from platonica.store.manifest import Plan

__all__ = ["default_root", "features_folder", "slug"]


def default_root() -> Path:
    """Return the folder of the store: $PLATONICA_STORE, else platonica in the user's cache folder.

    The cache folder is $XDG_CACHE_HOME if that is an absolute path, else ``~/.cache``.
    """
    chosen = os.environ.get("PLATONICA_STORE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (cache if cache.is_absolute() else Path.home() / ".cache") / "platonica"


def features_folder(root: Path, plan: Plan) -> Path:
    """Return the folder of a plan: root/features/<model>/<data>-<fingerprint>.

    Parameters
    ----------
    root : Path
        Folder of the store.
    plan : Plan
        Its names are reduced to safe characters; twelve digits of its fingerprint keep apart
        what this makes equal.
    """
    return root / "features" / slug(plan.model) / f"{slug(plan.data)}-{plan.fingerprint[:12]}"


def slug(name: str) -> str:
    """Return a file name that resembles a name: letters, digits, dots, dashes and underscores.

    Examples
    --------
    >>> slug("pip:all-minilm-l6-v2?init=random&seed=0"), slug("../.."), slug("猫")
    ('pip-all-minilm-l6-v2-init-random-seed-0', 'unnamed', 'unnamed')
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:80] or "unnamed"
