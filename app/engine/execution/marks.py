"""Marks: what one unit of an asset is worth in KRW now, by the books that may decide."""

from __future__ import annotations

from math import isnan, nan
from statistics import median

from app.engine.detection.board import Board
from app.engine.market.rates import QUOTES, Rates


class Marks:
    def __init__(self, board: Board, rates: Rates) -> None:
        self._board = board
        self._rates = rates

    def krw(self, asset: str) -> float:
        """NaN: no book or rate says. Of several venues the median, so that one cannot lie."""
        if asset in QUOTES:
            return float(self._rates.krw[QUOTES.index(asset)])
        mids = [mid for row in self._board.rows_of(asset) if not isnan(mid := self._mid(row))]
        return median(mids) if mids else nan

    def _mid(self, row: int) -> float:
        stage = self._board.live
        line = stage.lines[row]
        if not stage.tops[row]["valid"] or not line["live"]:
            return nan
        mid = (float(line["bid"]) + float(line["ask"])) / 2.0
        return mid * float(line["krw"]) / float(line["multiplier"])
