"""Datasets: what an uploaded file became. Shapes: SPEC §7."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """What a stored dataset is. `joined` is only an upload's answer: it becomes three datasets."""

    CANDLES = "candles"
    FX = "fx"


class UploadState(StrEnum):
    """Life of one uploaded file; the last four are final."""

    RECEIVING = "receiving"
    READING = "reading"
    STORED = "stored"
    REFUSED = "refused"
    UNSURE = "unsure"
    INTERRUPTED = "interrupted"


class Hints(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the uploader said about a file; None means: find out.

    timeframe_s: seconds. tz: IANA name or ±HH:MM for naive times. columns: our column word
    (time, open, high, low, close, volume, rate) → the file's column name or 0-based number,
    given when detection was unsure.
    """

    venue: str | None = None
    base: str | None = None
    quote: str | None = None
    timeframe_s: int | None = None
    tz: str | None = None
    columns: dict[str, str] | None = None


class Gap(msgspec.Struct, frozen=True):
    """A hole: the last bar's open time before it, how long nothing came, bars missing."""

    start_ns: int
    length_s: int
    bars: int


class Quality(msgspec.Struct, frozen=True):
    """What a trader wants to know before trusting a file.

    coverage: share of bars present, 0..1. gap_list: the longest first, at most 200. zero_volume:
    bars with volume 0. outliers: bars whose close moves more than 10 robust deviations from both
    neighbours; at most 50 listed as (time ns, close). density: 200 equal slices of the span, each
    the share of its bars present (the small picture).
    """

    coverage: float
    gap_list: tuple[Gap, ...]
    zero_volume: int
    outliers: int
    outlier_list: tuple[tuple[int, float], ...]
    density: tuple[float, ...]
    unsorted: bool


class DatasetFacts(msgspec.Struct, frozen=True):
    """Everything known about one stored dataset, as the reader found it.

    shape: upbit | binance | generic | fx_daily | fx_candles | fx_ticks | joined. columns: how the
    file's columns were read, our word → the file's. start/end: first and last time, ns UTC.
    """

    kind: Kind
    shape: str
    venue: str | None
    base: str | None
    quote: str | None
    timeframe_s: int | None
    rows: int
    start_ns: int
    end_ns: int
    gaps: int
    longest_gap_s: int
    duplicates: int
    quality: Quality
    columns: dict[str, str]
    tz: str = "UTC"
    synthetic: bool = False
