"""What the torch sources share: seeds that leave no trace, and taps that do not stay."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from platonica.sources._libraries import library

__all__ = ["count_parameters", "isolated_seed", "tapped"]


@contextlib.contextmanager
def isolated_seed(seed: int) -> Iterator[None]:
    """Draw from a seed inside, and leave the global generator as it was.

    Networks draw initial weights even when trained ones replace them at once, so loading needs
    this too.
    """
    torch = library("torch", "models")
    # Only the generator of the CPU: `torch.manual_seed` would also reseed every accelerator.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


@contextlib.contextmanager
def tapped(
    modules: Mapping[str, Any], take: Mapping[str, Callable[[Any], Any]]
) -> Iterator[dict[str, Any]]:
    """Collect outputs of modules while a network runs.

    Parameters
    ----------
    modules : mapping of layer name to module
    take : mapping of layer name to function
        What is kept of the output; applied at once, so that whole feature maps of all layers
        are never in memory together.

    Yields
    ------
    dict of layer name to what was kept
        Filled by the forward pass. The hooks are gone afterwards, also after an exception.
    """
    found: dict[str, Any] = {}

    def hook_of(name: str) -> Callable[[Any, Any, Any], None]:
        def hook(_module: Any, _inputs: Any, output: Any) -> None:
            found[name] = take[name](output)

        return hook

    with contextlib.ExitStack() as hooks:
        for name, module in modules.items():
            hooks.callback(module.register_forward_hook(hook_of(name)).remove)
        yield found


def count_parameters(network: Any) -> int:
    """Count the parameters; shared ones once."""
    return sum(parameter.numel() for parameter in network.parameters())
