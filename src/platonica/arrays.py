"""From any array library to the host: the library is inferred from the argument."""

from __future__ import annotations

from typing import Any

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from platonica.errors import ShapeError
from platonica.rows import RowView

__all__ = ["to_numpy"]


def to_numpy(array: Any, name: str = "X") -> NDArray[Any]:
    """Return a NumPy view or copy of an array of any library, on any device.

    Half precisions are promoted to float32, integers and booleans to float64; float32 and
    float64 keep their type, so that no information and no memory is lost.

    Parameters
    ----------
    array : array of NumPy, PyTorch, CuPy, JAX or any array-API library; nested lists of numbers
    name : str
        How an error calls the argument.

    Raises
    ------
    ShapeError
        Complex or non-numeric values.
    """
    host = _on_host(array, name)
    if host.dtype in (np.float32, np.float64):
        return host
    if host.dtype.kind == "f":
        return host.astype(np.float32 if host.dtype.itemsize < 4 else np.float64)
    if host.dtype.kind in "iub":
        return host.astype(np.float64)
    raise ShapeError(f"{name} must hold real numbers, but its dtype is {host.dtype}")


def _on_host(array: Any, name: str) -> NDArray[Any]:
    if isinstance(array, np.ndarray):
        return array
    if isinstance(array, RowView):
        return array.read_rows(slice(0, array.shape[0]))
    if array_api_compat.is_torch_array(array):
        tensor = array.detach().cpu()
        # NumPy has no bfloat16
        return np.asarray((tensor.float() if tensor.dtype.itemsize < 4 else tensor).numpy())
    if array_api_compat.is_cupy_array(array):
        return np.asarray(array.get())
    if array_api_compat.is_array_api_obj(array):
        return np.asarray(np.from_dlpack(array) if hasattr(array, "__dlpack__") else array)
    try:
        return np.asarray(array)
    except (ValueError, TypeError) as error:
        raise ShapeError(f"{name} must be an array of numbers: {error}") from error
