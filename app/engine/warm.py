"""Compile the detection kernels, so that the first frames of a session do not wait for it."""

from __future__ import annotations

import numpy as np

from app.books.rack import Rack
from app.domain.markets import Alignment, Instrument
from app.domain.policy import Policy
from app.domain.venues import Venue
from app.engine.detection.board import Board, Money
from app.engine.detection.rows import Sizes, gates, look, premium_rows
from app.engine.detection.triangular import Triangular

PAIR = (Instrument(Venue.UPBIT, "X", "KRW"), Instrument(Venue.BINANCE, "X", "USDT"))


def warm() -> None:
    """Look once at two empty books; the machine code lands where NUMBA_CACHE_DIR points."""
    rack, policy = Rack(), Policy()
    board = Board(rack.tops, policy)
    for instrument in PAIR:
        row = rack.add(instrument, Alignment.SNAPSHOTS, 20)
        board.join(row, instrument, "X", 1.0)
        board.settle()
        board.detect(row, 0)
    board.sweep(0)
    board.judge(0, 0, counts=False)
    board.channels(np.zeros(len(rack.tops), np.int8))
    board.quote()
    board.near(0.0)
    money, stage = Money(), board.live
    gates(stage, 0, look(stage, 0), money, 0)
    premium_rows(stage, (0, 1), money, Sizes(policy.size_krw, policy.sizes_krw), 0)
    Triangular(stage).turned(0)
