"""DIALECTS: the nine venues in the order of their ports."""

from __future__ import annotations

from app.simulator.protocol import Dialect

DIALECTS: dict[str, type[Dialect]] = {}
