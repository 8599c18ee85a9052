"""The board: one route a coin, what cannot be had stands last, nothing unknown is a number."""

from __future__ import annotations

import msgspec
import pytest

from app.domain.live import PremiumRow, SizedNet
from app.domain.venues import Venue
from app.routers.watching import drawing
from app.routers.watching.board import ROWS_MAX, board, matrix, money
from app.routers.watching.drawing import AXIS_MAX, AXIS_MIN, axis, freshness, heat
from app.routers.watching.memory import Span
from app.routers.watching.routes import Best, Chosen, chosen, figure, net
from app.routers.watching.showing import Beat, Showing
from tests.pages.live_rows import COINS, FENCED, FakeMarket, market, premium

MILLION = 1_000_000.0
USUAL = Chosen(Venue.UPBIT, 10 * MILLION, "realizable", "high")


def beat(fake: FakeMarket | None = None) -> Beat:
    return Showing().beat(fake or FakeMarket())  # type: ignore[arg-type]


def sized(row: PremiumRow, bps: float | None) -> PremiumRow:
    return msgspec.structs.replace(row, sizes=(SizedNet(10 * MILLION, bps),))


def test_every_coin_has_one_line_best_first_and_the_fenced_one_is_last() -> None:
    shown = board(beat(), USUAL)
    bases = [line.row.base for line in shown.lines]
    assert sorted(bases) == sorted(COINS)
    assert len(shown.lines) == ROWS_MAX
    assert bases[-1] == FENCED
    ranked = [line.net for line in shown.lines if line.is_ranked and line.net is not None]
    assert ranked == sorted(ranked, reverse=True)


def test_profit_is_the_net_at_the_chosen_size() -> None:
    line = next(line for line in board(beat(), USUAL).lines if line.row.base == "XRP")
    assert line.net is not None
    assert line.profit_krw == pytest.approx(line.net / 10_000 * 10 * MILLION)


def test_the_route_goes_through_the_chosen_won_market_in_the_better_direction() -> None:
    lines = {line.row.base: line.row for line in board(beat(), USUAL).lines}
    assert lines["SUI"].sell_venue is Venue.UPBIT
    assert lines["TRX"].buy_venue is Venue.UPBIT, "bought in Korea, where it is cheaper"
    there = chosen({"home": "bithumb"}, (10 * MILLION,), 10 * MILLION)
    assert {line.row.sell_venue for line in board(beat(), there).lines} >= {Venue.BITHUMB}


def test_a_route_stays_until_another_is_better_by_two_bps() -> None:
    best = Best()
    first = sized(premium("XRP", Venue.BINANCE), 10.0)
    for other_bps, expected in (
        (9.0, Venue.BINANCE),
        (11.9, Venue.BINANCE),
        (12.1, Venue.OKX),
        (9.0, Venue.OKX),
    ):
        rows = (first, sized(premium("XRP", Venue.OKX), other_bps))
        assert best.of(rows, USUAL)["XRP"].buy_venue is expected


def test_a_coin_that_could_be_had_wins_over_one_that_could_not() -> None:
    fenced = sized(premium("XRP", Venue.OKX, fenced=True), 900.0)
    plain = sized(premium("XRP", Venue.BINANCE), -20.0)
    assert Best().of((fenced, plain), USUAL)["XRP"] is plain


def test_favourites_stand_first() -> None:
    fake = FakeMarket()
    fake.policy = msgspec.structs.replace(fake.policy, favourites=("BTC",))
    assert board(beat(fake), USUAL).lines[0].row.base == "BTC"


def test_withheld_is_no_number_at_any_size() -> None:
    row = premium("XRP", withheld="NO_RATE", realizable_bps=None)
    assert net(row, 10 * MILLION) is None
    assert net(premium("XRP"), 100 * MILLION) is None, "the ladder says that it cannot be done"
    assert net(premium("XRP"), 7.0) is None, "a size that nobody worked out"


def test_of_the_address_only_what_is_known_counts() -> None:
    sizes = (MILLION, 10 * MILLION)
    assert chosen({}, sizes, 10 * MILLION) == USUAL
    wrong = {"home": "binance", "size": "7", "basis": "x", "side": "up"}
    assert chosen(wrong, sizes, 10 * MILLION) == USUAL
    right = {"home": "bithumb", "size": "1000000", "basis": "kimchi", "side": "low"}
    assert chosen(right, sizes, 10 * MILLION) == Chosen(Venue.BITHUMB, MILLION, "kimchi", "low")


def test_the_matrix_outlines_the_best_of_each_coin_and_never_a_reference() -> None:
    rows = matrix(beat(), USUAL, ["XRP", "SUI", FENCED])
    assert [row.base for row in rows] == ["XRP", "SUI", FENCED]
    for row in rows[:2]:
        (best,) = {cell.shown for cell in row.cells if cell.is_best}
        shown = [cell.shown for cell in row.cells if not cell.is_reference]
        assert int(best.replace("+", "")) == max(
            int(each.replace("+", "").replace("\N{MINUS SIGN}", "-")) for each in shown
        )
    assert not any(cell.is_best for cell in rows[2].cells), "fenced"
    assert all(row.cells[6].is_reference for row in rows), "KuCoin is for reference"


def test_a_cell_without_a_figure_names_the_code() -> None:
    fake = FakeMarket()
    fake.premium_rows = (premium("XRP", withheld="WALLET_UNKNOWN", realizable_bps=None),)
    first = matrix(beat(fake), USUAL, ["XRP"])[0].cells[0]
    assert (first.shown, first.reason) == ("–", "WALLET_UNKNOWN")
    on_size = chosen({"size": "100000000"}, (1e7, 1e8), 1e7)
    fake.premium_rows = (premium("XRP"),)
    assert matrix(beat(fake), on_size, ["XRP"])[0].cells[0].reason == "THIN_BOOK"


@pytest.mark.parametrize("basis", ["realizable", "usdlike", "kimchi", "break_even"])
def test_every_basis_has_its_figure(basis: str) -> None:
    row = premium("XRP")
    expected = row.realizable_bps if basis == "realizable" else getattr(row, f"{basis}_bps")
    assert figure(row, basis, 10 * MILLION) == expected


@pytest.mark.parametrize(
    ("price", "tick_bps", "shown", "dim"),
    [
        (149_953_000.0, 10_000 * 1_000 / 149_953_000, "149,953", ",000"),
        (3_414.0, 10_000 / 3_414, "3,414", ""),
        (281.5, 5_000 / 281.5, "281.5", ""),
        (0.19852, 0.1 / 0.19852, "0.19852", ""),
        (2.4186, 1 / 2.4186, "2.4186", ""),
        (106_482.1, 100 / 106_482.1, "106,482.10", ""),
    ],
)
def test_a_price_is_written_by_its_tick(
    price: float, tick_bps: float, shown: str, dim: str
) -> None:
    row = market("BTC", tick_bps={"upbit": tick_bps})
    written = money(price, row, Venue.UPBIT)
    assert (written.shown, written.dim) == (shown, dim)


def test_a_price_without_a_tick_is_written_as_it_is() -> None:
    assert money(2.41, None, Venue.UPBIT).shown == "2.41"
    assert money(None, None, Venue.UPBIT).shown == "–"


def test_the_axis_holds_everything_and_rests_on_its_grid() -> None:
    assert (axis([]).low, axis([]).high) == (AXIS_MIN, AXIS_MAX)
    wide = axis([-163.0, 310.0, 99_999.0])
    assert wide.low == -200.0
    assert wide.high >= 310.0, "what is far off does not stretch it"
    assert wide.at(99_999.0) == 100.0
    assert [tick for _, tick in axis([]).marks] == [0.0, 100.0, 200.0]
    assert wide.at(wide.low) == 0.0


def test_a_tape_draws_what_is_known_only() -> None:
    scale = axis([])
    drawn = drawing.tape(scale, None, net=None, usdlike=10.0, kimchi=None, break_even=None)
    assert (drawn.net, drawn.kimchi, drawn.span) == (None, None, None)
    span = Span(-10.0, 0.0, 5.0, 20.0, 60)
    drawn = drawing.tape(scale, span, net=1.0, usdlike=2.0, kimchi=3.0, break_even=4.0)
    assert drawn.span is not None
    assert drawn.quartiles is not None
    assert drawn.span[0] < drawn.quartiles[0]
    assert drawn.span[1] > drawn.quartiles[1] > 0


@pytest.mark.parametrize(
    ("bps", "ink"),
    [
        (None, ""),
        (0.4, ""),
        (1, "h1"),
        (19.9, "h1"),
        (20, "h2"),
        (99, "h5"),
        (500, "h5"),
        (-41, "g3"),
    ],
)
def test_heat_has_five_steps_a_side(bps: float | None, ink: str) -> None:
    assert heat(bps) == ink


def test_freshness_fills_with_age_and_an_unknown_age_is_full() -> None:
    policy = FakeMarket().policy
    bars = freshness((0.0, 1_200.0, 90_000.0, None), policy)
    assert [bar.ink for bar in bars] == ["f-ink3", "f-cau", "f-flt", "f-flt"]
    assert all(0 < bar.height <= 12 and bar.y + bar.height == pytest.approx(12) for bar in bars)
