"""The built-in sample, and what pages show of files and datasets."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from app.backtest.run import run
from app.backtest.series import Candles, Coin, Fx, align
from app.domain.datasets import Kind
from app.domain.problems import Problem
from app.history import preview
from app.history.columns import open_columns
from app.history.sample import SUGGESTED, make_sample
from app.history.targets import Stored
from tests.history.builders import HEADER, Room, csv, ns, rows


def sample(folder: Path, **seed: int) -> tuple[Stored, ...]:
    count = itertools.count()
    return make_sample(folder, lambda: f"sample{next(count)}", **seed)


def _first_values(folder: Path) -> list[float]:
    columns = open_columns(folder)
    values: list[float] = columns.get(columns.names[1])[:100].tolist()
    return values


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Stored, ...]]:
    folder = tmp_path_factory.mktemp("sample")
    return folder, sample(folder)


def test_the_sample_is_labelled_and_whole(made: tuple[Path, tuple[Stored, ...]]) -> None:
    _, stored = made
    assert [(one.facts.venue, one.facts.base, one.facts.quote) for one in stored] == [
        ("binance", "BTC", "USDT"),
        ("upbit", "BTC", "KRW"),
        ("binance", "XRP", "USDT"),
        ("upbit", "XRP", "KRW"),
        ("upbit", "USDT", "KRW"),
    ]
    for one in stored:
        assert one.facts.synthetic
        assert one.facts.timeframe_s == 60
        assert one.facts.rows > 86_000
        assert 1 <= one.facts.gaps <= 3
    assert [one.facts.kind for one in stored] == [Kind.CANDLES] * 4 + [Kind.FX]


def test_the_same_seed_makes_the_same_sample(
    made: tuple[Path, tuple[Stored, ...]], tmp_path: Path
) -> None:
    folder, stored = made
    again = sample(tmp_path)
    other = sample(tmp_path / "other", seed=7)
    for one, same, different in zip(stored, again, other, strict=True):
        assert one.facts == same.facts
        first = open_columns(folder / one.folder)
        for name in first.names:
            column = open_columns(tmp_path / same.folder).get(name)
            np.testing.assert_array_equal(first.get(name), column)
        assert one.facts.quality == same.facts.quality
        assert _first_values(tmp_path / same.folder) != _first_values(
            tmp_path / "other" / different.folder
        )


def test_the_suggested_strategy_has_cycles_of_both_kinds(
    made: tuple[Path, tuple[Stored, ...]],
) -> None:
    folder, stored = made
    opened = {
        (one.facts.venue, one.facts.base): open_columns(folder / one.folder) for one in stored
    }

    def candles(venue: str, base: str) -> Candles:
        columns = opened[venue, base]
        return Candles(*(columns.get(name) for name in ("time", "open", "high", "low", "close")))

    rate = opened["upbit", "USDT"]
    coins = [
        Coin(base, candles("upbit", base), candles("binance", base)) for base in ("BTC", "XRP")
    ]
    aligned = align(coins, Fx(rate.get("known_at"), rate.get("rate")), 60, None, None)
    metrics = run(aligned, SUGGESTED).metrics
    assert metrics["cycles"] >= 36
    assert 50 < metrics["win_rate_pct"] < 95
    assert metrics["total_pnl_krw"] > 0


def test_sniff_shows_names_rows_and_a_guess(room: Room) -> None:
    file = room.save(csv(rows(30)))
    seen = preview.sniff(file, "candles.csv")
    assert seen.columns == tuple(HEADER.split(","))
    assert len(seen.rows) == 20
    assert seen.rows[1] == ("2024-03-01 09:01:00", "101", "103", "99.5", "102", "1.25")
    assert (seen.has_header, seen.shape) == (True, "generic")
    assert seen.guess == {"time": "timestamp", **{name: name for name in HEADER.split(",")[1:]}}


def test_sniff_guesses_what_it_can_of_an_unsure_file(room: Room) -> None:
    seen = preview.sniff(room.save(csv(["x,1,2"], "when,Open,Close")), "a.csv")
    assert (seen.guess, seen.shape) == ({"open": "Open", "close": "Close"}, None)
    headless = preview.sniff(room.save(csv(rows(2), None)), "a.csv")
    assert (headless.columns, headless.has_header) == (("0", "1", "2", "3", "4", "5"), False)
    with pytest.raises(Problem):
        preview.sniff(room.save(b"\x89PNG\r\n"), "a.csv")


def test_head_is_the_first_rows_of_a_dataset(room: Room) -> None:
    read = room.read_one(csv(rows(10)))
    first, second = preview.head(read.folder, 2)
    assert first == {
        "time": ns("2024-03-01T09:00"),
        "open": 100.0,
        "high": 102.0,
        "low": 98.5,
        "close": 101.0,
        "volume": 0.25,
    }
    assert second["time"] == ns("2024-03-01T09:01")


def test_the_lines_around_a_refused_row(room: Room) -> None:
    lines = rows(200_000)
    file = room.save(csv(lines))
    assert preview.around(file, "candles.csv", 150_002, 1) == [
        (150_001, lines[149_999]),
        (150_002, lines[150_000]),
        (150_003, lines[150_001]),
    ]
    assert [line for line, _ in preview.around(file, "candles.csv", 1, 2)] == [1, 2, 3]
    korean = room.save(csv(["한,1", "글,2"], "이름,값").decode().encode("cp949"))
    assert preview.around(korean, "x.csv", 2, 1)[1] == (2, "한,1")
    assert preview.around(room.save(b"a,b\n1,\xff\n"), "x.csv", 2, 1) == []
