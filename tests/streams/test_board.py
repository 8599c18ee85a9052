"""The board: what is current, what has changed, and for whom a region is rendered."""

from __future__ import annotations

import pytest
import structlog
from structlog.testing import capture_logs

from app.runtime.streams import board as boards
from app.runtime.streams.board import CHOICE_LETTERS_MAX, Board, Told, View, chosen, is_page
from app.texts import Language
from tests.streams.kit import Event, parsed

AT_NS = 1_763_621_400_123_456_789
KOREAN = View(lang="ko", zone="Asia/Seoul")
ENGLISH = View(lang="en", zone="UTC")


@pytest.fixture
def board() -> Board:
    return Board(lambda: AT_NS)


def one(text: bytes) -> Event:
    (event,) = parsed(text)
    return event


def test_a_topic_that_never_heard_of_anything_has_an_empty_full_state(board: Board) -> None:
    for topic in boards.TOPICS:
        event = one(board.full(topic))
        assert event.name == topic
        assert event.json == {
            "at": "2025-11-20T06:50:00.123457Z",
            "full": True,
            "items": [],
            "remove": [],
        }


def test_the_full_state_holds_every_item_as_it_is_now(board: Board) -> None:
    board.put("backtests", {"b-1": {"id": "b-1", "n": 1}, "b-2": {"id": "b-2", "n": 1}}, ())
    board.put("backtests", {"b-1": {"id": "b-1", "n": 2}}, ())

    assert one(board.full("backtests")).json["items"] == [
        {"id": "b-1", "n": 2},
        {"id": "b-2", "n": 1},
    ]


def test_an_equal_value_is_no_change(board: Board) -> None:
    board.put("backtests", {"b-1": {"n": 1}, "b-2": {"n": 1}}, ())

    changes = board.put("backtests", {"b-1": {"n": 1}, "b-2": {"n": 2}}, ())

    assert changes == {"b-2": b'{"n":2}'}


def test_a_value_that_its_owner_goes_on_changing_is_still_seen_to_change(board: Board) -> None:
    run = {"n": 1}
    board.put("backtests", {"b-1": run}, ())
    run["n"] = 2

    assert board.put("backtests", {"b-1": run}, ()) == {"b-1": b'{"n":2}'}


def test_what_is_removed_is_named_once_and_only_if_it_was_there(board: Board) -> None:
    board.put("backtests", {"b-1": {"n": 1}}, ())

    changes = board.put("backtests", {}, ["b-1", "b-9"])

    assert one(board.delta("backtests", changes)).json["remove"] == ["b-1"]
    assert board.put("backtests", {}, ["b-1"]) == {}
    assert one(board.full("backtests")).json["items"] == []


def test_what_cannot_be_written_as_json_fails_where_it_is_published(board: Board) -> None:
    with pytest.raises(TypeError):
        board.put("backtests", {"b-1": object()}, ())


def test_unknown_figures_are_null_and_never_break_the_json(board: Board) -> None:
    board.put("backtests", {"b-1": {"sharpe": float("nan"), "max": float("inf")}}, ())

    assert one(board.full("backtests")).json["items"] == [{"sharpe": None, "max": None}]


def test_ids_only_grow(board: Board) -> None:
    board.put_fragment("backtests", "runs", lambda _: b"<p>")
    messages = board.full("prices") + board.page("backtests", KOREAN) + board.full("prices")

    ids = [event.id for event in parsed(messages)]

    assert ids == sorted(ids, key=lambda number: number or 0)
    assert len(set(ids)) == 3


def test_a_region_is_rendered_once_for_each_way_of_reading_and_only_when_asked(
    board: Board,
) -> None:
    rendered: list[Language] = []

    def render(view: View) -> bytes:
        rendered.append(view.lang)
        return f"<p>{view.lang} {view.zone}</p>".encode()

    board.put_fragment("backtests", "runs", render)
    assert rendered == []

    for _ in range(3):
        assert "ko Asia/Seoul" in str(one(board.page("backtests", KOREAN)).data)
        assert "en UTC" in str(one(board.page("backtests", ENGLISH)).data)
    assert rendered == ["ko", "en"]


def test_of_a_region_only_the_newest_content_is_ever_rendered(board: Board) -> None:
    for number in range(5):
        board.put_fragment("backtests", "runs", lambda _, n=number: b"run %d" % n)

    assert "run 4" in str(one(board.page("backtests", KOREAN)).data)


def test_a_region_that_cannot_be_rendered_is_logged_once_and_silences_no_other(
    board: Board,
) -> None:
    def broken(_: View) -> bytes:
        raise KeyError("no such block")

    board.put_fragment("backtests", "broken", broken)
    board.put_fragment("backtests", "sound", lambda _: b"<p>here</p>")

    with capture_logs(processors=[structlog.processors.format_exc_info]) as lines:
        for _ in range(3):
            assert "here" in str(one(board.page("backtests", KOREAN)).data)

    (line,) = lines
    assert (line["event"], line["region"]) == ("region_not_rendered", "broken")
    assert "no such block" in line["exception"]


def test_a_signal_is_a_named_event_with_json_for_every_viewer(board: Board) -> None:
    board.put_signal("backtests/b-1", "tick", {"time": [1, 2], "equity": [1.5, None]})

    for view in (KOREAN, ENGLISH):
        event = one(board.page("backtests/b-1", view))
        assert (event.name, event.json) == ("tick", {"time": [1, 2], "equity": [1.5, None]})


def test_a_thing_that_is_gone_leaves_nothing_behind(board: Board) -> None:
    board.put_fragment("backtests/b-1", "progress", lambda _: b"40 %")
    board.forget("backtests/b-1")

    assert board.page("backtests/b-1", KOREAN) == b""


def test_of_many_things_the_longest_unchanged_are_forgotten(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boards, "THINGS_KEPT_MAX", 2)
    board.put_fragment("backtests", "runs", lambda _: b"list")
    for number in (1, 2, 1, 3):
        board.put_fragment(f"backtests/b-{number}", "progress", lambda _: b"40 %")

    kept = [n for n in (1, 2, 3) if board.page(f"backtests/b-{n}", KOREAN)]

    assert kept == [1, 3]
    assert board.page("backtests", KOREAN), "a page itself is always kept"


@pytest.mark.parametrize(
    ("page", "known"),
    [
        ("backtests", True),
        ("backtests/b-12", True),
        ("data/u-3", True),
        ("system", True),
        ("system/b-1", False),
        ("opportunities/o-12", True),
        ("markets/XRP", True),
        ("markets/1000PEPE", True),
        ("markets/币安人生", True),
        ("markets/a/b", False),
        ("markets/<b>", False),
        ("markets/" + "X" * 33, False),
        ("backtests/", False),
        ("backtests/b-1/x", False),
        ("backtests/../data", False),
        ("backtests/b-" + "9" * 19, False),
        ("nowhere", False),
        ("", False),
    ],
)
def test_only_pages_of_the_registry_have_streams(page: str, known: bool) -> None:
    assert is_page(page) is known


def test_publishing_to_a_page_that_does_not_exist_is_a_bug(board: Board) -> None:
    with pytest.raises(AssertionError):
        board.put_fragment("nowhere", "runs", lambda _: b"")
    with pytest.raises(AssertionError):
        board.put_fragment("backtests", "bad id", lambda _: b"")


def test_what_everybody_has_is_not_sent_again(board: Board) -> None:
    def put(text: bytes) -> bytes:
        board.put_fragment("dashboard", "board", lambda _: text)
        return board.news("dashboard", {"dashboard": ("board",)}, KOREAN, {})

    assert put(b"+1.0") != b""
    assert put(b"+1.0") == b""
    assert put(b"+1.1") != b""
    board.put_fragment("dashboard", "board", lambda _: b"+1.2")
    assert b"+1.2" in board.page("dashboard", KOREAN), "one who comes has something newer"
    assert put(b"+1.1") != b"", "and hears of the way back"


def test_an_equal_signal_is_a_signal_again(board: Board) -> None:
    for _ in range(2):
        board.put_signal("data", "settled", {"id": "u-1"})
        assert board.news("data", {"data": ("settled",)}, KOREAN, {}) != b""


def test_the_frame_is_on_every_page_and_knows_nothing_of_its_choices(board: Board) -> None:
    asked: list[View] = []

    def tape(view: View) -> bytes:
        asked.append(view)
        return b"1,402.5"

    board.put_fragment("frame", "tape", tape)
    for query in ((), (("tab", "live"),), (("tab", "refused"),)):
        view = View("ko", "Asia/Seoul", query)
        assert b"1,402.5" in board.page("opportunities", view)
        assert b"1,402.5" in board.page("backtests/b-3", view)
    assert asked == [KOREAN]
    assert "1,402.5" in str(one(board.page("frame", KOREAN)).data)
    changed = {"frame": ("tape",)}
    told: Told = {}
    pages = ("system", "dashboard", "guide")
    assert all(board.news(page, changed, KOREAN, told) for page in pages), "every page hears it"
    assert not board.news("system", changed, KOREAN, {}), "once"


def test_a_page_is_rendered_for_each_choice_of_its_viewers(board: Board) -> None:
    made: list[View] = []

    def rows(view: View) -> bytes:
        made.append(view)
        return b"rows"

    board.put_fragment("opportunities", "opps", rows)
    for asked in ({"tab": "live"}, {"tab": "refused"}, {"tab": "live", "unknown": "x"}):
        view = View("en", "UTC", chosen("opportunities", asked))
        assert b"rows" in board.page("opportunities", view)
    assert [dict(view.query)["tab"] for view in made] == ["live", "refused"]


def test_choices_are_those_of_the_page_in_its_own_order_and_bounded() -> None:
    assert chosen("opportunities", {"sort": "time", "tab": "live", "lang": "ko"}) == (
        ("tab", "live"),
        ("sort", "time"),
    )
    assert chosen("opportunities/o-1", {"tab": ""}) == ()
    assert chosen("system", {"tab": "live"}) == ()
    with pytest.raises(ValueError, match="q"):
        chosen("opportunities", {"q": "x" * (CHOICE_LETTERS_MAX + 1)})
