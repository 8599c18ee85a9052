"""Detectors: what looks for which trades. Spatial and kimchi share the kernel over routes."""

from __future__ import annotations

from collections.abc import Mapping

from app.engine.detection.codes import Direction

DETECTORS: Mapping[str, frozenset[Direction]] = {
    "spatial": frozenset({Direction.FLAT, Direction.WON}),
    "kimchi": frozenset({Direction.HIGH, Direction.LOW}),
}
"""By name: the directions of the routes that it reports."""

DETECTOR_OF: Mapping[Direction, str] = {
    direction: name for name, directions in DETECTORS.items() for direction in directions
}
