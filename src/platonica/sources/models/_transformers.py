"""transformers, kept from the network and from chatting while packaged weights are loaded."""

from __future__ import annotations

import contextlib
import functools
import io
import os
from collections.abc import Iterator
from typing import Any

from platonica.sources._libraries import library

__all__ = ["quiet_offline"]


@contextlib.contextmanager
def quiet_offline() -> Iterator[Any]:
    """Yield the transformers library, offline and silent; all is as before afterwards.

    Raises
    ------
    MissingExtraError
        torch or transformers is not installed.
    """
    library("torch", "models")
    # Imported before the environment changes: the hub library reads it once, on import, and
    # would keep the rest of the process offline.
    transformers = library("transformers", "models")
    hub = library("huggingface_hub.constants", "models")
    with (
        _environment("HF_HUB_OFFLINE", "1"),
        _attribute(hub, "HF_HUB_OFFLINE", True),
        _no_progress_bars(transformers.utils.logging),
        _no_gguf_bar(),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        yield transformers


@contextlib.contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


@contextlib.contextmanager
def _attribute(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextlib.contextmanager
def _no_progress_bars(logging: Any) -> Iterator[None]:
    shown = logging.is_progress_bar_enabled()
    verbosity = logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if shown:
            logging.enable_progress_bar()


def _no_gguf_bar() -> contextlib.AbstractContextManager[None]:
    """Silence the one progress bar that transformers draws whatever its own switch says."""
    reader = library("transformers.modeling_gguf_pytorch_utils", "models")
    bar = getattr(reader, "tqdm", None)
    if bar is None:
        return contextlib.nullcontext()
    return _attribute(reader, "tqdm", functools.partial(bar, disable=True))
