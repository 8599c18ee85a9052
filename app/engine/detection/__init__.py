"""Detectors: what looks for which trades. Spatial and kimchi share the kernel over routes;
triangular, statistical and funding have no routes, and alert only."""

from __future__ import annotations

from collections.abc import Mapping

from app.engine.detection.codes import Direction

DETECTORS: Mapping[str, frozenset[Direction]] = {
    "spatial": frozenset({Direction.FLAT, Direction.WON}),
    "kimchi": frozenset({Direction.HIGH, Direction.LOW}),
    "triangular": frozenset(),
    "statistical": frozenset(),
    "funding": frozenset(),
}
"""By name: the directions of the routes that it reports, none where it looks at no routes."""

TRADED = frozenset(name for name, directions in DETECTORS.items() if directions)
"""Whose opportunities may become cycles."""

DETECTOR_OF: Mapping[Direction, str] = {
    direction: name for name, directions in DETECTORS.items() for direction in directions
}
