"""Compiled: how this room's kernels become machine code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit, typeof

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Machine code, kept on disk, without the interpreter lock; callable from other kernels.

    Kernels allocate nothing, so numba's reference counts (`_nrt`) would only cost time.
    """
    return cast(F, njit(cache=True, nogil=True, error_model="numpy", _nrt=False)(function))


def entered(kernel: Any, *arguments: object) -> Callable[..., Any]:
    """The machine code behind a kernel for arguments of these types, without looking at them again.

    Numba spends 0.1 µs of every call on each array of records, to find out what it is. Callers
    that pass the same arrays always may skip that; nothing checks what they pass any more.
    """
    types = tuple(typeof(argument) for argument in arguments)
    kernel.compile(types)
    return cast(Callable[..., Any], kernel.overloads[types].entry_point)


def constant(value: int) -> int:
    """A number that kernels hand to other kernels as a variable. They would be compiled once more
    for each whole number that Python names."""
    return cast(int, np.int64(value))
