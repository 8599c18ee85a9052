"""Seeds of the tables that people edit: known renames and collisions, and listed fees.

Tickers: `commonCurrencies` of ccxt 4.5.90 for our nine venues and the same-ticker table of the Rust
arbitrage bot, both read in November 2026; multiplied tickers as the venues spell them.
"""

from __future__ import annotations

from app.domain.policy import AssetName, WithdrawalFee
from app.domain.times import from_iso
from app.domain.venues import Venue

_RENAMED: dict[Venue, dict[str, str]] = {
    Venue.UPBIT: {"TON": "TOKAMAK"},
    Venue.BITHUMB: {"FTC": "FTC2", "SOC": "SODACOIN"},
    Venue.BINANCE: {"BCC": "BCC", "YOYO": "YOYOW"},
    Venue.OKX: {"AE": "AET"},
    Venue.BYBIT: {"U": "UNION"},
    Venue.KUCOIN: {
        "BIFI": "BIFIF",
        "VAI": "VAIOT",
        "WAX": "WAXP",
        "ALT": "APTOSLAUNCHTOKEN",
        "KALT": "ALT",
        "FUD": "FTXUSERSDEBT",
    },
    Venue.GATE: {
        "ORT": "XREATORS",
        "ASS": "ASSF",
        "88MPH": "MPH",
        "AXIS": "AXISDEFI",
        "BIFI": "BITCOINFILE",
        "BOX": "DEFIBOX",
        "BYN": "BEYONDFI",
        "EGG": "GOOSEFINANCE",
        "GTC": "GAMECOM",
        "GTC_HT": "GAMECOM_HT",
        "GTC_BSC": "GAMECOM_BSC",
        "HIT": "HITCHAIN",
        "MM": "MILLION",
        "MPH": "MORPHER",
        "POINT": "GATEPOINT",
        "RAI": "RAIREFLEXINDEX",
        "SBTC": "SUPERBITCOIN",
        "TNC": "TRINITYNETWORKCREDIT",
        "VAI": "VAIOT",
        "TRAC": "TRACO",
        "QI": "QISWAP",
        "BEAM": "BEAM2",
        "TST": "TELEPORTDAO",
    },
    Venue.BITGET: {
        "APX": "ASTROPEPEX",
        "DEGEN": "DEGENREBORN",
        "EVA": "EVADORE",
        "JADE": "JADEPROTOCOL",
        "OMNI": "OMNILAYER",
        "TONCOIN": "TON",
    },
    Venue.COINBASE: {"CGLD": "CELO", "VELO": "VELODROME"},
}
_THOUSANDS = (
    "BONK", "BTT", "CAT", "CHEEMS", "FLOKI", "LUNC", "MOG", "PEPE", "RATS", "SATS", "SHIB",
    "TOSHI", "TURBO", "WHY", "X", "XEC",
)  # fmt: skip
_MULTIPLIED: dict[str, tuple[str, float]] = {
    **{f"1000{asset}": (asset, 1e3) for asset in _THOUSANDS},
    "10000SATS": ("SATS", 1e4),
    "1MBABYDOGE": ("BABYDOGE", 1e6),
}

NAMES: tuple[AssetName, ...] = (
    *(
        AssetName(venue, ticker, asset)
        for venue, renamed in _RENAMED.items()
        for ticker, asset in renamed.items()
    ),
    *(
        AssetName(venue, ticker, asset, times)
        for venue in Venue
        for ticker, (asset, times) in _MULTIPLIED.items()
    ),
)

# Of kimP's table (requirements §5.4), dated: what a venue says itself comes first.
_WITHDRAWALS: dict[Venue, dict[tuple[str, str], float]] = {
    Venue.UPBIT: {
        ("XRP", "XRP"): 0.4,
        ("TRX", "TRX"): 0.9,
        ("DOGE", "DOGE"): 8.0,
        ("SOL", "SOL"): 0.009,
        ("ALGO", "ALGO"): 0.09,
        ("XLM", "XLM"): 0.005,
        ("ADA", "ADA"): 0.45,
        ("AVAX", "AVAX"): 0.01,
    },
    Venue.BINANCE: {
        ("XRP", "XRP"): 0.2,
        ("TRX", "TRX"): 1.0,
        ("DOGE", "DOGE"): 4.0,
        ("SOL", "SOL"): 0.001,
        ("XLM", "XLM"): 0.01,
        ("ADA", "ADA"): 0.8,
        ("ATOM", "ATOM"): 0.02,
        ("AVAX", "AVAXC"): 0.008,
    },
}
LISTED_AT_NS = from_iso("2026-11-01T00:00:00Z")
"""When these lists were read."""
WITHDRAWALS: tuple[WithdrawalFee, ...] = tuple(
    WithdrawalFee(venue, asset, network, amount, "list", LISTED_AT_NS)
    for venue, amounts in _WITHDRAWALS.items()
    for (asset, network), amount in amounts.items()
)
