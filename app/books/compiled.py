"""Compiled: how this room's kernels become machine code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Machine code, kept on disk, without the interpreter lock; callable from other kernels.

    Kernels allocate nothing, so numba's reference counts (`_nrt`) would only cost time.
    """
    return cast(F, njit(cache=True, nogil=True, error_model="numpy", _nrt=False)(function))
