"""From names to features: what every command that needs them does first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from platonica.cli._progress import progress_bar
from platonica.errors import ParameterError
from platonica.sources._contracts import Data, ModelCard
from platonica.sources.data import load_data
from platonica.sources.extraction import extract
from platonica.sources.models import resolve_model
from platonica.sources.models.file import is_file_name, open_file
from platonica.store import Features

__all__ = ["Sources", "load_features", "open_sources"]

Sources = Mapping[str, ModelCard | Features]


def open_sources(names: Sequence[str], data: str | None) -> tuple[Sources, Data | None]:
    """Look names up and load the data; nothing is computed yet.

    Raises
    ------
    ParameterError
        A model needs data, and none is named.
    UnknownNameError
        A name that is none.
    """
    sources = {
        name: open_file(name) if is_file_name(name) else resolve_model(name) for name in names
    }
    needs_data = [name for name, source in sources.items() if not isinstance(source, Features)]
    if needs_data and data is None:
        raise ParameterError(f"{needs_data[0]} needs --data; see `platonica data`")
    return sources, None if data is None else load_data(data)


def load_features(
    sources: Sources,
    data: Data | None,
    *,
    store: Path | None = None,
    batch_size: int = 32,
    on_bad_item: Literal["error", "skip"] = "error",
) -> dict[str, Features]:
    """Features of every source; those that are not stored are extracted, with progress."""
    features = {}
    for name, source in sources.items():
        if isinstance(source, Features):
            features[name] = source
            continue
        assert data is not None
        with progress_bar(name) as progress:
            features[name] = extract(
                source,
                data,
                batch_size=batch_size,
                store=store,
                on_bad_item=on_bad_item,
                progress=progress,
            )
    return features
