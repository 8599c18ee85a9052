"""Which bars there are, and what a rate is worth when."""

from __future__ import annotations

import numpy as np

from app.backtest.series import Coin, Fx, align, until
from tests.backtest.builders import SECOND_NS, T0, aligned_from, candles, market, rates
from tests.backtest.oracle import Market


def flat(times: list[int], price: float) -> list[tuple[int, float, float]]:
    return [(t, price, price) for t in times]


def test_a_bar_needs_both_venues_and_a_known_rate() -> None:
    minutes = [T0 + 60 * k for k in range(6)]
    coin = Market("BTC", flat(minutes[:5], 1e5), flat(minutes[:1] + minutes[2:], 100.0))
    aligned = aligned_from([coin], [(minutes[2], 1000.0)])
    assert (aligned.tape.time // SECOND_NS).tolist() == [minutes[2], minutes[3], minutes[4]]
    assert aligned.bars == aligned.rows == 3


def test_the_window_is_start_inclusive_end_exclusive_on_the_open_time() -> None:
    aligned = aligned_from([market("BTC", [0.0] * 6)], [(0, 1000.0)], start=T0 + 60, end=T0 + 240)
    assert (aligned.tape.time // SECOND_NS).tolist() == [T0 + 60, T0 + 120, T0 + 180]


def test_of_rates_known_at_once_the_last_row_counts_and_none_is_used_early() -> None:
    fx = rates([(T0, 1000.0), (T0 + 60, 1010.0), (T0 + 60, 1020.0), (T0 + 150, 1030.0)])
    coin = Coin("BTC", *(candles(flat([T0, T0 + 60, T0 + 120], 1.0)) for _ in range(2)))
    tape = align([coin], fx, 60).tape
    assert tape.fx_open.tolist() == [1000.0, 1020.0, 1020.0]
    assert tape.fx_close.tolist() == [1020.0, 1020.0, 1030.0]


def test_the_window_does_not_cut_rates() -> None:
    """A rate from before the start is known in the window."""
    aligned = aligned_from([market("BTC", [0.0] * 4)], [(0, 1000.0)], start=T0 + 120)
    assert aligned.tape.fx_open.tolist() == [1000.0, 1000.0]


def test_equal_premiums_belong_to_the_first_ticker_in_code_point_order() -> None:
    """Upper case comes before lower case, whatever the order of upload."""
    coins = [market(base, [50.0, 50.0]) for base in ("eth", "XRP", "BTC")]
    aligned = aligned_from(coins, [(0, 1000.0)])
    assert aligned.bases == ("BTC", "XRP", "eth")
    assert aligned.coin_of(aligned.tape.highest_bar).tolist() == [0, 0]
    assert aligned.coin_of(aligned.tape.lowest_bar).tolist() == [0, 0]


def test_rows_are_the_union_of_the_coins_times() -> None:
    minutes = [T0 + 60 * k for k in range(4)]
    early = Market("A", flat(minutes[:2], 1010.0), flat(minutes[:2], 1.0))
    late = Market("B", flat(minutes[1:], 1020.0), flat(minutes[1:], 1.0))
    aligned = aligned_from([late, early], [(0, 1000.0)])
    assert aligned.rows == 4
    assert aligned.bars == 5
    assert aligned.coin_of(aligned.tape.highest_bar).tolist() == [0, 1, 1, 1]
    assert aligned.coin_of(aligned.tape.lowest_bar).tolist() == [0, 0, 1, 1]


def test_a_coin_that_never_meets_its_other_side_leaves_no_trace() -> None:
    apart = Market("A", flat([T0], 1.0), flat([T0 + 60], 1.0))
    aligned = aligned_from([apart, market("B", [0.0, 0.0])], [(0, 1000.0)])
    assert aligned.bars == 2
    assert aligned.coin_of(aligned.tape.highest_bar).tolist() == [1, 1]


def test_no_bars_at_all_is_an_empty_tape() -> None:
    aligned = aligned_from([market("B", [0.0, 0.0])], [(T0 + 600, 1000.0)])
    assert (aligned.bars, aligned.rows, aligned.day_ends.size) == (0, 0, 0)


def test_columns_are_read_only_whether_they_are_mapped_or_ours(tmp_path: object) -> None:
    """One kind of array means one compiled kernel."""
    aligned = aligned_from([market("B", [0.0, 5.0])], [(0, 1000.0)])
    assert not any(array.flags.writeable for array in aligned.tape)
    assert {type(array) for array in aligned.tape} == {np.ndarray}


def test_until_knows_only_what_was_known() -> None:
    coin = Coin("B", *(candles(flat([T0, T0 + 60, T0 + 120], 1.0)) for _ in range(2)))
    fx = rates([(T0, 1.0), (T0 + 60, 2.0), (T0 + 61, 3.0)])
    [past], known = until([coin], fx, (T0 + 60) * SECOND_NS)
    assert past.krw.time_ns.tolist() == [T0 * SECOND_NS]
    assert known.rate.tolist() == [1.0, 2.0]


def test_a_fixed_rate_is_known_since_ever() -> None:
    coin = Coin("B", *(candles(flat([T0], 1.0)) for _ in range(2)))
    assert align([coin], Fx.fixed(1234.5), 60).tape.fx_open.tolist() == [1234.5]
