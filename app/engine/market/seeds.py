"""Seeds of the tables that people edit: known renames and collisions, and listed fees.

Tickers: `commonCurrencies` of ccxt 4.5.90 for our nine venues and the same-ticker table of the Rust
arbitrage bot, both read in November 2026; multiplied tickers as the venues spell them.
"""

from __future__ import annotations

from app.domain.policy import AssetName
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
