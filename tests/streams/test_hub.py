"""The hub in jumping time: what is coalesced, who is skipped, who is cut off, who is refused."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack

import pytest

from app.domain.problems import Problem
from app.runtime.streams.board import View
from app.runtime.streams.clients import Page
from app.runtime.streams.hub import PAGE_HZ, Hub, Limits
from tests.streams.kit import Recorder, client, in_jumping_time

KOREAN = Page("backtests", View(lang="ko", zone="Asia/Seoul"))
ENGLISH = Page("backtests", View(lang="en", zone="UTC"))


async def publish_every(hub: Hub, gap_s: float, count: int) -> None:
    for number in range(count):
        hub.publish("backtests", {"b-1": {"n": number}})
        await asyncio.sleep(gap_s)


def numbers(wire: Recorder) -> list[int]:
    return [item["n"] for event in wire.events() if event.data for item in event.json["items"]]


@in_jumping_time
async def test_the_current_state_comes_first_and_then_only_what_changed() -> None:
    hub, wire = Hub(), Recorder()
    hub.publish("backtests", {"b-1": {"n": 1}, "b-2": {"n": 1}})

    with hub.listening(client(wire)):
        hub.publish("backtests", {"b-2": {"n": 2}})
        await asyncio.sleep(1)
        hub.publish("backtests", {}, remove=["b-1"])
        await asyncio.sleep(1)

    first, second, third = (event.json for event in wire.events())
    assert (first["full"], first["items"]) == (True, [{"n": 1}, {"n": 1}])
    assert (second["full"], second["items"], second["remove"]) == (False, [{"n": 2}], [])
    assert (third["full"], third["items"], third["remove"]) == (False, [], ["b-1"])


@in_jumping_time
async def test_a_thousand_updates_in_a_second_are_ten_messages_with_the_newest_value() -> None:
    hub, wire = Hub(), Recorder()

    with hub.listening(client(wire, hz=10)):
        await publish_every(hub, 0.001, 1_000)
        await asyncio.sleep(1)

    told = numbers(wire)
    assert 10 <= len(told) <= 12
    assert told[-1] == 999


@pytest.mark.parametrize("hz", [1, 2, 5, 10])
def test_a_client_gets_its_rate_at_most(hz: int) -> None:
    @in_jumping_time
    async def story() -> None:
        hub, wire = Hub(), Recorder()
        with hub.listening(client(wire, hz=hz)):
            await publish_every(hub, 0.01, 1_000)
        assert 10 * hz - 1 <= len(numbers(wire)) <= 10 * hz + 1

    story()


@in_jumping_time
async def test_rate_zero_gets_every_update() -> None:
    hub, wire = Hub(), Recorder()

    with hub.listening(client(wire, hz=0)):
        await publish_every(hub, 0.001, 500)
        await asyncio.sleep(1)

    assert numbers(wire) == list(range(500))


class Slow(Recorder):
    """Every write to it costs the loop some time."""

    def write(self, data: bytes, /) -> None:
        super().write(data)
        time.sleep(0.002)


@in_jumping_time
async def test_what_happens_while_writing_is_slow_leaves_together_and_whole() -> None:
    hub, wire, late = Hub(), Slow(), Recorder()

    with hub.listening(client(wire, hz=0)):
        for number in range(10):
            hub.publish("backtests", {"b-1": {"n": number}})
        assert numbers(wire) == [0]
        with hub.listening(client(late, hz=0, session="late")):
            assert numbers(wire) == list(range(10))
            assert numbers(late) == [9]
            hub.publish("backtests", {"b-1": {"n": 10}})
            await asyncio.sleep(1)

    assert numbers(wire) == list(range(11))
    assert numbers(late) == [9, 10]
    assert len(wire.frames) == 4


@in_jumping_time
async def test_after_a_quiet_time_an_update_leaves_at_once() -> None:
    hub, wire = Hub(), Recorder()

    with hub.listening(client(wire, hz=1)):
        await asyncio.sleep(60)
        hub.publish("backtests", {"b-1": {"n": 1}})
        await asyncio.sleep(0.001)
        assert numbers(wire) == [1]


@in_jumping_time
async def test_updates_that_come_as_regularly_as_they_are_sent_never_wait_for_a_late_one() -> None:
    hub, wire = Hub(), Recorder()
    loop = asyncio.get_running_loop()

    with hub.listening(client(wire, hz=10)):
        for number in range(50):
            late_s = 0.08 if number == 10 else 0.0
            await asyncio.sleep(number / 10 + late_s - loop.time())
            hub.publish("backtests", {"b-1": {"n": number}})
            await asyncio.sleep(0.001)
            assert numbers(wire)[-1] == number


@in_jumping_time
async def test_an_item_that_came_and_went_between_two_beats_is_not_shown() -> None:
    hub, wire = Hub(), Recorder()

    with hub.listening(client(wire)):
        hub.publish("backtests", {"b-1": {"n": 1}})
        hub.publish("backtests", {"b-2": {"n": 2}}, remove=["b-1"])
        await asyncio.sleep(1)

    _, change = (event.json for event in wire.events())
    assert (change["items"], change["remove"]) == ([{"n": 2}], ["b-1"])


@in_jumping_time
async def test_all_clients_of_a_feed_get_the_same_bytes_made_once() -> None:
    hub = Hub()
    wires = [Recorder(chunked=True) for _ in range(5)]

    with ExitStack() as open_streams:
        for number, wire in enumerate(wires):
            open_streams.enter_context(hub.listening(client(wire, session=str(number))))
        hub.publish("backtests", {"b-1": {"n": 1}})
        await asyncio.sleep(1)

    frames = {id(wire.frames[-1]) for wire in wires}
    assert len(frames) == 1
    assert hub.counts.messages == 10


@in_jumping_time
async def test_topics_reach_those_who_asked_for_them() -> None:
    hub, runs, health = Hub(), Recorder(), Recorder()

    with hub.listening(client(runs, "backtests")), hub.listening(client(health, "health")):
        hub.publish("backtests", {"b-1": {"n": 1}})
        await asyncio.sleep(1)

    assert [event.name for event in runs.events()] == ["backtests", "backtests"]
    assert [event.name for event in health.events()] == ["health"]


@in_jumping_time
async def test_a_page_gets_its_regions_in_its_own_language() -> None:
    hub, ko, en = Hub(), Recorder(), Recorder()
    rendered: list[str] = []

    def render(view: View) -> bytes:
        rendered.append(view.lang)
        return view.lang.encode()

    hub.fragment("backtests", "runs", render)
    with (
        hub.listening(client(ko, KOREAN, hz=PAGE_HZ)),
        hub.listening(client(ko, KOREAN, hz=PAGE_HZ)),
        hub.listening(client(en, ENGLISH, hz=PAGE_HZ)),
    ):
        assert (">ko<" in str(ko.events()[0].data), ">en<" in str(en.events()[0].data)) == (
            True,
        ) * 2
        for _ in range(100):
            hub.fragment("backtests", "runs", render)
        await asyncio.sleep(1)

    assert sorted(rendered) == ["en", "en", "ko", "ko"], "first state and one beat, each once"


@in_jumping_time
async def test_a_region_that_did_not_change_is_not_sent() -> None:
    hub, wire = Hub(), Recorder()
    hub.fragment("backtests", "runs", lambda _: b"runs")
    hub.fragment("backtests", "queue", lambda _: b"queue")

    with hub.listening(client(wire, KOREAN, hz=PAGE_HZ)):
        hub.fragment("backtests", "queue", lambda _: b"queue moved")
        hub.fragment("data", "queue", lambda _: b"another page")
        await asyncio.sleep(1)

    told = [str(event.data).split(">", 1)[1].split("<")[0] for event in wire.events()]
    assert told == ["runs", "queue", "queue moved"]


@in_jumping_time
async def test_a_slow_client_is_left_out_and_gets_the_whole_state_when_it_has_drained() -> None:
    hub, slow, quick = Hub(), Recorder(), Recorder()

    with hub.listening(client(slow)), hub.listening(client(quick)):
        slow.backlog_bytes = hub.limits.backlog_bytes_max + 1
        await publish_every(hub, 0.1, 50)
        assert len(slow.frames) == 1, "nothing was added to what it has not read"
        assert numbers(quick)[-1] == 49

        slow.backlog_bytes = 0
        await asyncio.sleep(1)
        assert slow.events()[-1].json["full"] is True
        hub.publish("backtests", {"b-1": {"n": 50}})
        await asyncio.sleep(1)

    assert numbers(slow) == [49, 50]
    assert (hub.counts.skipped, hub.counts.dropped) == (1, 0)


@in_jumping_time
async def test_a_client_that_never_drains_is_cut_off() -> None:
    hub, stuck = Hub(), Recorder()

    with hub.listening(client(stuck)):
        stuck.backlog_bytes = hub.limits.backlog_bytes_max + 1
        hub.publish("backtests", {"b-1": {"n": 1}})
        await asyncio.sleep(hub.limits.behind_s_max - 1)
        assert not stuck.aborted
        await asyncio.sleep(2)

    assert stuck.aborted
    assert hub.counts.dropped == 1


@in_jumping_time
async def test_a_client_whose_socket_is_closed_already_costs_nobody_else_a_message() -> None:
    hub, gone, wire = Hub(), Recorder(), Recorder()

    with hub.listening(client(gone)), hub.listening(client(wire)):
        gone.closed = True
        await publish_every(hub, 0.1, 200)
        await asyncio.sleep(1)
        told = numbers(wire)
        hub.close()

    assert told == list(range(200))
    assert wire.ended
    assert not gone.ended


@in_jumping_time
async def test_a_comment_comes_every_fifteen_seconds() -> None:
    hub, wire = Hub(), Recorder()

    with hub.listening(client(wire)):
        await asyncio.sleep(61)

    comments = [event for event in wire.events() if event.data is None]
    assert len(comments) == 4


@in_jumping_time
async def test_a_stream_too_many_is_refused_and_says_when_to_come_back() -> None:
    hub = Hub(Limits(total_max=4))

    with hub.slot("ada", 2), hub.slot("ada", 2), hub.slot("program", 3):
        with pytest.raises(Problem) as refused, hub.slot("ada", 2):
            pytest.fail("this stream should have been refused")
        assert refused.value.status == 429
        assert refused.value.values == {"limit": 2}
        assert refused.value.retry_after_s
        with hub.slot("program", 3), pytest.raises(Problem) as refused, hub.slot("eve", 2):
            pytest.fail("this stream should have been refused")
        assert refused.value.values == {"limit": 4}
        assert hub.open == 3

    assert hub.open == 0
    with hub.slot("ada", 1):
        assert hub.open == 1
    assert hub.counts.refused == 2


@in_jumping_time
async def test_who_signed_out_is_cut_off_and_nobody_else() -> None:
    hub, ada, bob = Hub(), Recorder(), Recorder()

    with hub.listening(client(ada, session="ada")), hub.listening(client(bob, session="bob")):
        hub.expel("ada")

    assert (ada.ended, bob.ended) == (True, False)


@in_jumping_time
async def test_at_the_end_everybody_is_told_and_nothing_is_sent_afterwards() -> None:
    hub, wire = Hub(), Recorder()

    with hub.listening(client(wire)):
        hub.publish("backtests", {"b-1": {"n": 1}})
        hub.close()
        hub.close()
        hub.publish("backtests", {"b-1": {"n": 2}})
        await asyncio.sleep(60)

    assert [event.name for event in wire.events()] == ["backtests", "bye"]
    assert wire.ended
    with pytest.raises(Problem) as refused, hub.slot("late", 1):
        pytest.fail("a closed hub takes nobody")
    assert refused.value.status == 503


@in_jumping_time
async def test_nobody_listening_costs_no_timer() -> None:
    hub, wire = Hub(), Recorder()

    with hub.listening(client(wire)):
        hub.publish("backtests", {"b-1": {"n": 1}})
        await asyncio.sleep(1)
    await asyncio.sleep(1)
    before_s = asyncio.get_running_loop().time()
    hub.publish("backtests", {"b-1": {"n": 2}})
    for _ in range(100):
        await asyncio.sleep(0)

    assert asyncio.get_running_loop().time() == before_s, "the loop never had to wait for anything"
