"""Chains: a venue's name of a network → ours. Spellings of venues' documents and of ccxt 4.5.90.

Only what is known to be the same chain has the same name here. A spelling that is in no row gets no
name: two venues that write it alike are taken to mean one network, and nothing else follows from
it, least of all that an asset shares no network with another.
"""

from __future__ import annotations

import re

from app.domain.venues import Venue

_SPELLINGS: dict[str, str] = {
    "ACALA": "ACA ACALATOKEN",
    "ALGORAND": "ALGO",
    "APTOS": "APT",
    "ARBITRUM": "ARB ARBI ARBETH ARBEVM ARBITRUMONE",
    "ARBITRUM_NOVA": "ARBNOVA ARBINOVA ARBITRUMNOVA",
    "ARWEAVE": "AR",
    "ASTAR": "ASTR",
    "AURORA": "AURORAEVM",
    "AVALANCHE_C": "AVAXC CAVAX CCHAIN AVALANCHECCHAIN",
    "AVALANCHE_X": "AVAXX XAVAX XCHAIN AVALANCHEXCHAIN",
    "BASE": "BASEEVM BASEMAINNET",
    "BERACHAIN": "BERA",
    "BITCOIN": "BTC SEGWIT SEGWITBTC BECH32",
    "BITCOIN_CASH": "BCH BITCOINCASH",
    "BITCOIN_SV": "BSV BITCOINSV BCHSV",
    "BLAST": "BLASTETH",
    "BNB_BEACON": "BEP2",
    "BNB_SMART": "BSC BEP20 BNBSMARTCHAIN BEP20BSC BSCBNB BNBSMARTCHAINBEP20",
    "CARDANO": "ADA",
    "CELESTIA": "TIA",
    "CELO": "CELOMAINNET",
    "CHILIZ": "CHZ CHZ2 CHILIZCHAIN",
    "CONFLUX": "CFX",
    "COSMOS": "ATOM COSMOSHUB",
    "CRONOS": "CRC20 CRONOSCHAIN",
    "DOGECOIN": "DOGE",
    "DYDX": "DYDXCHAIN",
    "EOS": "VAULTA",
    "ETHEREUM": "ETH ERC20 ETHEREUMERC20 ETHERC20",
    "ETHEREUM_CLASSIC": "ETC ETHEREUMCLASSIC",
    "ETHEREUM_POW": "ETHW ETHEREUMPOW",
    "FANTOM": "FTM",
    "FILECOIN": "FIL",
    "FLARE": "FLR",
    "FLOW": "",
    "HARMONY": "ONE",
    "HECO": "HT HRC20",
    "HEDERA": "HBAR HEDERAHASHGRAPH",
    "HYPEREVM": "HYPER",
    "IMMUTABLE": "IMX",
    "INJECTIVE": "INJ",
    "INTERNET_COMPUTER": "ICP DFINITY",
    "IOTA": "MIOTA",
    "IOTEX": "IOTX",
    "KAIA": "KLAY KLAYTN",
    "KAVA": "",
    "KUSAMA": "KSM",
    "LIGHTNING": "BTCLIGHTNING LIGHTNINGNETWORK LN",
    "LINEA": "LINEAETH",
    "LITECOIN": "LTC",
    "MANTLE": "MNT",
    "MINA": "",
    "MONAD": "MON",
    "MOONBEAM": "GLMR GLRM",
    "MOONRIVER": "MOVR",
    "MOVEMENT": "MOVE",
    "MULTIVERSX": "EGLD ELROND",
    "NEAR": "NEARPROTOCOL",
    "NEO_N3": "N3 NEON3 NEO3",
    "OPTIMISM": "OP OPETH OPMAINNET",
    "OSMOSIS": "OSMO",
    "POLKADOT": "DOT",
    "POLYGON": "MATIC POL POLYGONPOS POLYGONMATIC",
    "QTUM": "",
    "RAVENCOIN": "RVN",
    "RIPPLE": "XRP XRPL XRPLEDGER",
    "RONIN": "RON",
    "SCROLL": "SCROLLETH",
    "SEI": "SEINETWORK",
    "SOLANA": "SOL SPL",
    "SONIC": "",
    "STACKS": "STX LSTACKS",
    "STARKNET": "STRK",
    "STELLAR": "XLM STELLARLUMENS LUMENS",
    "SUI": "SUIMAINNET",
    "TEZOS": "XTZ",
    "THETA": "THETATOKEN",
    "TON": "TONCOIN THEOPENNETWORK",
    "TRON": "TRX TRC20 TRONTRC20 TRXTRC20",
    "VECHAIN": "VET",
    "WAX": "WAXP",
    "XDC": "XDCNETWORKXDC",
    "ZCASH": "ZEC",
    "ZILLIQA": "ZIL",
    "ZKSYNC_ERA": "ZKSYNCERA ZKSERA ZKV2 ZKSYNC2",
    "ZKSYNC_LITE": "ZKSYNC ZKSYNCLITE",
}
# One spelling, two chains: the venue decides.
_VENUES: dict[tuple[Venue, str], str] = {
    (Venue.BINANCE, "BNB"): "BNB_BEACON",
    (Venue.BYBIT, "BNB"): "BNB_BEACON",
    (Venue.KUCOIN, "BNB"): "BNB_BEACON",
    (Venue.BINANCE, "AVAX"): "AVALANCHE_X",
    (Venue.KUCOIN, "AVAX"): "AVALANCHE_X",
    (Venue.UPBIT, "AVAX"): "AVALANCHE_C",
    (Venue.GATE, "HYPE"): "HYPEREVM",
}
_CHAINS: dict[str, str] = {
    spelling: chain
    for chain, spellings in _SPELLINGS.items()
    for spelling in (re.sub(r"[^A-Z0-9]", "", chain), *spellings.split())
}
_NOT_LETTERS = re.compile(r"[^A-Z0-9]")


def spelled(venue: Venue, asset: str, network: str) -> str:
    """Upper-case letters and digits of a network's name, without the asset OKX puts before it."""
    name = network.upper()
    if venue is Venue.OKX:
        name = name.removeprefix(f"{asset.upper()}-")
    return _NOT_LETTERS.sub("", name)


def chain(venue: Venue, asset: str, network: str) -> str | None:
    """Our name, None where we know none."""
    name = spelled(venue, asset, network)
    return _VENUES.get((venue, name)) or _CHAINS.get(name)
