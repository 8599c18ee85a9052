"""What people say of tickers and fees: the newest word holds, and none is lost."""

from __future__ import annotations

from app.domain.policy import AssetName, IdentityDecision, IdentitySuspicion, Verdict, WithdrawalFee
from app.domain.venues import Venue
from app.ledger import identities
from app.ledger.database import Database
from app.ledger.tables import NOTE_CHARS
from tests.ledger.builders import SECOND, T0


def decision(
    verdict: Verdict, at_ns: int = T0, *, base: str = "BTC", note: str = ""
) -> IdentityDecision:
    return IdentityDecision(base, Venue.UPBIT, Venue.GATE, verdict, "trader", at_ns, note)


def suspicion(base: str, ratio: float = 14.1) -> IdentitySuspicion:
    return IdentitySuspicion(
        base,
        Venue.UPBIT,
        Venue.GATE,
        "ratio",
        ratio,
        21_478.0,
        1_520.3,
        ("reference=median",),
        T0,
    )


async def test_nothing_is_decided_at_first(database: Database) -> None:
    assert await database.read(identities.list_decisions, "live") == []
    assert await database.read(identities.list_names) == []
    assert await database.read(identities.list_withdrawal_fees) == []


async def test_the_newest_word_on_a_pair_holds(database: Database) -> None:
    first = decision(Verdict.DIFFERENT, note="another contract")
    second = decision(Verdict.SAME, T0 + SECOND, note="swap done")
    other = decision(Verdict.SAME, base="GTC")
    for each in (first, other, second):
        await database.write(identities.put_decision, "live", each)

    assert await database.read(identities.list_decisions, "live") == [other, second]
    pair = "BTC", Venue.UPBIT, Venue.GATE
    assert await database.read(identities.decisions_of, "live", *pair) == [second, first]
    assert await database.read(identities.decisions_of, "demo", *pair) == []


async def test_what_is_said_in_the_demo_says_nothing_about_the_real_market(
    database: Database,
) -> None:
    """The demo's twin may have the name of a real coin."""
    await database.write(identities.put_decision, "demo", decision(Verdict.SAME))
    await database.write(identities.put_suspicions, "demo", [suspicion("BTC")])
    assert await database.read(identities.list_decisions, "live") == []
    assert await database.read(identities.list_suspicions, "live") == []
    assert await database.read(identities.list_decisions, "demo") == [decision(Verdict.SAME)]


async def test_the_first_suspicion_of_a_pair_stays(database: Database) -> None:
    first, again, other = suspicion("BTC"), suspicion("BTC", 99.0), suspicion("GTC")
    await database.write(identities.put_suspicions, "live", [first, again])
    await database.write(identities.put_suspicions, "live", [again, other])
    assert await database.read(identities.list_suspicions, "live") == [first, other]


async def test_a_note_is_cut_and_cleaned(database: Database) -> None:
    await database.write(
        identities.put_decision, "live", decision(Verdict.SAME, note="\x00확인함 " + "가" * 1_000)
    )
    (kept,) = await database.read(identities.list_decisions, "live")
    assert kept.note.startswith("확인함 가")
    assert len(kept.note) == NOTE_CHARS


async def test_a_name_is_set_changed_and_taken_back(database: Database) -> None:
    put = identities.put_name
    names = identities.list_names
    venue = Venue.BINANCE
    await database.write(put, venue, "1000PEPE", "PEPE", 1000.0, by="trader", at_ns=T0)
    await database.write(put, venue, "TON", "TON", 1.0, by="trader", at_ns=T0)
    assert await database.read(names) == [
        AssetName(venue, "1000PEPE", "PEPE", 1000.0, "set"),
        AssetName(venue, "TON", "TON", 1.0, "set"),
    ]

    await database.write(put, venue, "1000PEPE", "PEPE", 1e6, by="trader", at_ns=T0 + 1, note="?")
    await database.write(put, venue, "TON", None, 1.0, by="trader", at_ns=T0 + 2)
    assert await database.read(names) == [AssetName(venue, "1000PEPE", "PEPE", 1e6, "set", "?")]


async def test_a_ticker_of_two_spellings_is_two(database: Database) -> None:
    """Venues list tickers that differ in case only, whatever a database thinks of letters."""
    for ticker in ("ABC", "abc"):
        await database.write(
            identities.put_name, Venue.GATE, ticker, f"{ticker}-X", 1.0, by="trader", at_ns=T0
        )
    assert [row.ticker for row in await database.read(identities.list_names)] == ["ABC", "abc"]


async def test_a_withdrawal_fee_is_exact(database: Database) -> None:
    put = identities.put_withdrawal_fee
    venue = Venue.UPBIT
    for amount in (0.4, 0.1 + 0.2):
        await database.write(put, venue, "XRP", "XRP", amount, by="trader", at_ns=T0)
    await database.write(put, venue, "TRX", "TRX", 0.9, by="trader", at_ns=T0)
    await database.write(put, venue, "TRX", "TRX", None, by="trader", at_ns=T0 + 1)
    assert await database.read(identities.list_withdrawal_fees) == [
        WithdrawalFee(venue, "XRP", "XRP", 0.30000000000000004, "set", T0)
    ]
