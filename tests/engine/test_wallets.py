"""Wallets and fees: by which way a coin may travel, and what is not known of it."""

from __future__ import annotations

import pytest

from app.domain.markets import Flow
from app.domain.policy import AssetName, Fee, Policy, WithdrawalFee
from app.domain.times import SECOND_NS
from app.domain.venues import Venue
from app.engine.market import chains
from app.engine.market.fees import LISTED_BPS, Fees
from app.engine.market.seeds import LISTED_AT_NS
from tests.engine.stand import T0, Stand, network

UPBIT, BITHUMB, BINANCE, OKX, GATE = (
    Venue.UPBIT,
    Venue.BITHUMB,
    Venue.BINANCE,
    Venue.OKX,
    Venue.GATE,
)
OPEN, CLOSED, UNKNOWN = Flow.OPEN, Flow.CLOSED, Flow.UNKNOWN


@pytest.fixture
def stand() -> Stand:
    return Stand()


def test_what_nobody_said_is_not_open(stand: Stand) -> None:
    route = stand.wallets.between("XRP", BINANCE, UPBIT)
    assert (route.withdraw, route.deposit) == (UNKNOWN, UNKNOWN)
    assert not route.open
    assert (route.network, route.fee, route.shared) == (None, None, None)
    assert stand.wallets.age_ms(route, T0) is None
    assert stand.wallets.known(UPBIT) == (False, "not_read")


def test_a_coin_travels_when_both_sides_are_open(stand: Stand) -> None:
    stand.wallet(BINANCE, network(BINANCE, "XRP", fee="0.2", minimum="10"))
    stand.wallet(UPBIT, network(UPBIT, "XRP"))
    route = stand.wallets.between("XRP", BINANCE, UPBIT)
    assert route.open
    assert (route.network, route.chain) == ("XRP", "RIPPLE")
    assert (route.fee, route.fee_source, route.minimum) == (0.2, "venue", 10.0)
    assert route.shared
    assert not route.fenced

    back = stand.wallets.between("XRP", UPBIT, BINANCE)
    assert back.open
    assert (back.fee, back.fee_source) == (0.4, "list"), "where Upbit itself says nothing"


def test_no_fee_is_not_a_fee_of_zero(stand: Stand) -> None:
    stand.wallet(UPBIT, network(UPBIT, "SUI"))
    stand.wallet(GATE, network(GATE, "SUI"))
    assert stand.wallets.between("SUI", UPBIT, GATE).open
    assert stand.wallets.between("SUI", UPBIT, GATE).fee is None


def test_the_cheapest_open_network_is_taken(stand: Stand) -> None:
    stand.wallet(
        BINANCE,
        network(BINANCE, "USDT", "ETH", fee="4.5"),
        network(BINANCE, "USDT", "TRX", fee="1"),
        network(BINANCE, "USDT", "BSC", fee="0.01"),
        network(BINANCE, "USDT", "SOL"),
    )
    stand.wallet(
        UPBIT,
        network(UPBIT, "USDT", "ETH"),
        network(UPBIT, "USDT", "TRX"),
        network(UPBIT, "USDT", "SOL"),
    )
    assert stand.wallets.between("USDT", BINANCE, UPBIT).network == "TRX"

    stand.wallet(UPBIT, network(UPBIT, "USDT", "ETH"), network(UPBIT, "USDT", "TRX", CLOSED))
    assert stand.wallets.between("USDT", BINANCE, UPBIT).network == "ETH"


def test_an_open_network_without_a_fee_comes_after_those_with_one(stand: Stand) -> None:
    stand.wallet(BINANCE, network(BINANCE, "A", "SOL"), network(BINANCE, "A", "ETH", fee="9"))
    stand.wallet(OKX, network(OKX, "A", "A-Solana"), network(OKX, "A", "A-ERC20"))
    assert stand.wallets.between("A", BINANCE, OKX).network == "ETH"


def test_a_closed_way_is_shown_as_it_is(stand: Stand) -> None:
    stand.wallet(BINANCE, network(BINANCE, "XRP", withdraw=CLOSED))
    stand.wallet(UPBIT, network(UPBIT, "XRP", deposit=UNKNOWN))
    route = stand.wallets.between("XRP", BINANCE, UPBIT)
    assert (route.withdraw, route.deposit) == (CLOSED, UNKNOWN)
    assert not route.open


def test_one_network_name_is_spelled_in_many_ways(stand: Stand) -> None:
    stand.wallet(GATE, network(GATE, "USDT", "ARBEVM"))
    stand.wallet(OKX, network(OKX, "USDT", "USDT-Arbitrum One", fee="0.1"))
    route = stand.wallets.between("USDT", OKX, GATE)
    assert route.open
    assert route.chain == "ARBITRUM"
    assert route.network == "USDT-Arbitrum One"


@pytest.mark.parametrize(
    ("venue", "name", "chain"),
    [
        (BINANCE, "ETH", "ETHEREUM"),
        (OKX, "X-ERC20", "ETHEREUM"),
        (Venue.COINBASE, "ethereum", "ETHEREUM"),
        (Venue.KUCOIN, "eth", "ETHEREUM"),
        (Venue.BITGET, "ERC20", "ETHEREUM"),
        (BITHUMB, "Ethereum", "ETHEREUM"),
        (BINANCE, "ARBITRUM", "ARBITRUM"),
        (BITHUMB, "ARB_ETH", "ARBITRUM"),
        (Venue.BYBIT, "ARBI", "ARBITRUM"),
        (Venue.BITGET, "ArbitrumOne", "ARBITRUM"),
        (OKX, "X-Avalanche C-Chain", "AVALANCHE_C"),
        (GATE, "AVAX_C", "AVALANCHE_C"),
        (Venue.BYBIT, "CAVAX", "AVALANCHE_C"),
        (BINANCE, "AVAX", "AVALANCHE_X"),
        (Venue.BITGET, "NEARProtocol", "NEAR"),
        (OKX, "X-Stellar Lumens", "STELLAR"),
        (OKX, "X-l-Stacks", "STACKS"),
        (BINANCE, "BNB", "BNB_BEACON"),
        (BINANCE, "BSC", "BNB_SMART"),
        (GATE, "OPETH", "OPTIMISM"),
        (Venue.COINBASE, "bitcoin", "BITCOIN"),
        (Venue.COINBASE, "solana", "SOLANA"),
        (BINANCE, "SOMETHINGNEW", None),
    ],
)
def test_chains_by_any_name(venue: Venue, name: str, chain: str | None) -> None:
    assert chains.chain(venue, "X", name) == chain


def test_the_lightning_network_is_not_bitcoin_and_a_sidechain_not_its_parent() -> None:
    named = {
        name: chains.chain(BINANCE, "BTC", name)
        for name in ("BTC", "LIGHTNING", "BSC", "AVAXC", "AVAX", "ETH", "ETHW", "ETC")
    }
    assert len(set(named.values())) == len(named)
    assert None not in named.values()


def test_a_network_nobody_named_is_shared_when_both_spell_it_alike(stand: Stand) -> None:
    stand.wallet(BINANCE, network(BINANCE, "CC", "Canton-Net", fee="1"))
    stand.wallet(GATE, network(GATE, "CC", "CANTONNET"))
    route = stand.wallets.between("CC", BINANCE, GATE)
    assert route.open
    assert route.chain is None


def test_without_a_network_in_common_there_is_no_way(stand: Stand) -> None:
    stand.wallet(BINANCE, network(BINANCE, "USDT", "BSC", fee="0.01"))
    stand.wallet(UPBIT, network(UPBIT, "USDT", "TRX"))
    route = stand.wallets.between("USDT", BINANCE, UPBIT)
    assert route.shared is False
    assert route.network is None
    assert (route.withdraw, route.deposit) == (OPEN, OPEN)


def test_a_fenced_coin_cannot_enter_or_leave_korea(stand: Stand) -> None:
    stand.wallet(BINANCE, network(BINANCE, "SNT", "ETH"))
    stand.wallet(UPBIT, network(UPBIT, "SNT", "ETH", deposit=CLOSED))
    assert stand.wallets.fenced("SNT", UPBIT)
    assert stand.wallets.between("SNT", BINANCE, UPBIT).fenced
    assert stand.wallets.between("SNT", UPBIT, BINANCE).fenced
    assert not stand.wallets.fenced("SNT", BINANCE)
    assert not stand.wallets.fenced("XRP", UPBIT)


def test_one_open_network_opens_the_fence(stand: Stand) -> None:
    stand.wallet(
        UPBIT, network(UPBIT, "A", "ETH", CLOSED, CLOSED), network(UPBIT, "A", "SOL", OPEN, OPEN)
    )
    assert not stand.wallets.fenced("A", UPBIT)
    stand.wallet(UPBIT, network(UPBIT, "A", "ETH", UNKNOWN, UNKNOWN))
    assert not stand.wallets.fenced("A", UPBIT), "what is not known is not closed"
    stand.wallet(BINANCE, network(BINANCE, "A", "ETH", CLOSED, CLOSED))
    assert not stand.wallets.fenced("A", BINANCE), "a word for Korea only"


def test_without_keys_a_venue_s_wallets_are_unknown(stand: Stand) -> None:
    stand.wallet(UPBIT, reason="no_keys")
    assert stand.wallets.known(UPBIT) == (False, "no_keys")
    assert stand.wallets.between("XRP", BINANCE, UPBIT).deposit is UNKNOWN


def test_a_failure_keeps_what_was_known_and_it_grows_old(stand: Stand) -> None:
    stand.wallet(BINANCE, network(BINANCE, "XRP", fee="0.2"))
    stand.wait(100)
    stand.wallet(UPBIT, network(UPBIT, "XRP"))
    stand.wait(300)
    stand.wallet(BINANCE, reason="HTTP 503")
    assert stand.wallets.known(BINANCE) == (True, "HTTP 503")
    route = stand.wallets.between("XRP", BINANCE, UPBIT)
    assert route.open
    assert stand.wallets.age_ms(route, stand.at_ns) == 400_000, "of the older side"

    stand.wallet(BINANCE, reason="no_keys")
    assert not stand.wallets.between("XRP", BINANCE, UPBIT).open


def test_two_answers_about_one_network_are_joined(stand: Stand) -> None:
    """Bithumb says flows to keys, and fees to everybody."""
    stand.wallet(
        BITHUMB,
        network(BITHUMB, "XRP"),
        network(BITHUMB, "XRP", deposit=UNKNOWN, withdraw=UNKNOWN, fee="0.4", minimum="21"),
    )
    (found,) = stand.wallets.networks(BITHUMB, "XRP")
    assert (found.deposit, found.withdraw, found.fee, found.minimum) == (OPEN, OPEN, "0.4", "21")


def test_a_changed_wallet_changes_the_route(stand: Stand) -> None:
    stand.wallet(BINANCE, network(BINANCE, "XRP", fee="0.2"))
    stand.wallet(UPBIT, network(UPBIT, "XRP"))
    version = stand.wallets.version
    assert stand.wallets.between("XRP", BINANCE, UPBIT) is stand.wallets.between(
        "XRP", BINANCE, UPBIT
    )
    assert stand.wallets.version == version
    stand.wallet(UPBIT, network(UPBIT, "XRP", deposit=CLOSED))
    assert stand.wallets.version > version
    assert stand.wallets.between("XRP", BINANCE, UPBIT).deposit is CLOSED


def test_people_s_withdrawal_fee_comes_first(stand: Stand) -> None:
    stand.wallet(BINANCE, network(BINANCE, "XRP", fee="0.2"))
    stand.wallet(UPBIT, network(UPBIT, "XRP"))
    stand.policy(
        Policy(
            withdrawal_fees=(
                WithdrawalFee(UPBIT, "XRP", "XRP", 0.4, "set", T0),
                WithdrawalFee(BINANCE, "XRP", "XRP", 0.25, "set", T0),
            )
        )
    )
    assert stand.wallets.between("XRP", UPBIT, BINANCE).fee == 0.4
    there = stand.wallets.between("XRP", BINANCE, UPBIT)
    assert (there.fee, there.fee_source) == (0.25, "set")
    rows = {row.id: row for row in stand.wallets.rows(stand.at_ns)}
    assert rows["binance:XRP:XRP"].fee == "0.25"
    assert rows["binance:XRP:XRP"].fee_source == "set"


def test_a_venue_s_ticker_is_found_by_our_name(stand: Stand) -> None:
    """Coinbase called Celo CGLD; Upbit's TON is another coin."""
    stand.wallet(Venue.COINBASE, network(Venue.COINBASE, "CGLD", "celo"))
    stand.wallet(BINANCE, network(BINANCE, "CELO", "CELO", fee="0.01"))
    stand.wallet(UPBIT, network(UPBIT, "TON", "ETH"))
    assert stand.wallets.between("CELO", BINANCE, Venue.COINBASE).open
    assert stand.wallets.networks(UPBIT, "TON") == (), "that is Tokamak's wallet"
    assert len(stand.wallets.networks(UPBIT, "TOKAMAK")) == 1
    ids = [row.id for row in stand.wallets.rows(stand.at_ns)]
    assert "coinbase:CELO:celo" in ids
    assert "upbit:TOKAMAK:ETH" in ids


def test_rows_tell_what_is_known_and_since_when(stand: Stand) -> None:
    stand.wallet(BINANCE, network(BINANCE, "XRP", fee="0.20", contract=None, minimum="10"))
    stand.wallet(UPBIT, network(UPBIT, "XRP", withdraw=CLOSED))
    stand.wait(12)
    rows = stand.wallets.rows(stand.at_ns)
    assert [row.venue for row in rows] == [BINANCE, UPBIT]
    first, second = rows
    assert (first.fee, first.fee_source, first.minimum) == ("0.20", "venue", "10")
    assert (second.deposit, second.withdraw, second.fee) == ("open", "closed", "0.4")
    assert second.fee_source == "list"
    assert first.age_ms == 12_000
    assert first.chain == "RIPPLE"
    assert stand.wallets.rows(stand.at_ns, "XRP") == rows
    assert stand.wallets.rows(stand.at_ns, "BTC") == ()


# Fees of trades


def test_every_venue_has_a_listed_fee() -> None:
    fees = Fees()
    for venue in Venue:
        fee = fees.taker(venue, "KRW" if venue in {UPBIT, BITHUMB} else "USDT")
        assert fee is not None
        assert fee.source == "list"
        assert fee.as_of_ns == LISTED_AT_NS
    assert len(fees.all()) == len(LISTED_BPS)


def test_a_quote_s_fee_comes_before_the_venue_s() -> None:
    fees = Fees()
    won, dollar = fees.taker(UPBIT, "KRW"), fees.taker(UPBIT, "USDT")
    assert won is not None
    assert dollar is not None
    assert (won.taker_bps, dollar.taker_bps) == (5.0, 25.0)


def test_what_people_set_replaces_the_list() -> None:
    fees = Fees()
    fees.policy(Policy(fees=(Fee(BITHUMB, None, 4.0, "set", T0),)))
    fee = fees.taker(BITHUMB, "KRW")
    assert fee is not None
    assert (fee.taker_bps, fee.source) == (4.0, "set")
    fees.policy(Policy())
    fee = fees.taker(BITHUMB, "KRW")
    assert fee is not None
    assert fee.taker_bps == 25.0


def test_a_fee_that_is_not_known_is_none_never_zero() -> None:
    fees = Fees()
    fees.policy(Policy(fees=(Fee(GATE, None, None, "set", T0),)))
    assert fees.taker(GATE, "USDT") is None
    assert fees.withdrawal(GATE, "XRP", "XRP") is None


def test_only_an_account_s_fee_grows_old() -> None:
    fees = Fees()
    day = 86_400 * SECOND_NS
    for source, stale in (("account", True), ("list", False), ("set", False)):
        fee = Fee(GATE, None, 20.0, source, T0)
        assert not fees.stale(fee, T0 + day)
        assert fees.stale(fee, T0 + day + 1) is stale


def test_names_are_ours_in_both_directions(stand: Stand) -> None:
    stand.policy(Policy(names=(AssetName(GATE, "QQ", "XRP"),)))
    stand.wallet(GATE, network(GATE, "QQ", "XRP", fee="1"))
    stand.wallet(UPBIT, network(UPBIT, "XRP"))
    assert stand.wallets.between("XRP", GATE, UPBIT).open
