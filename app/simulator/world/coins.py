"""Which coins a seed chooses, which of them is a twin ticker, and which is fenced."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from app.simulator.protocol import Network, Wallet
from app.simulator.world.catalogue import CHAINS, COINS, FEE_USD, FEES_USD, MAJORS, STABLECOINS

COINS_MIN = 5
COINS_MAX = 400
KOREAN = ("upbit", "bithumb")
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@dataclass(slots=True)
class Coin:
    """An asset. Two of one ticker are a twin: `twin` is the one that few mean by it.

    liquidity: 1 for a usual coin; thin below 0.1. venues: where it is listed.
    """

    ticker: str
    title: str
    title_ko: str
    price_usd: float
    chains: tuple[str, ...]
    liquidity: float = 1.0
    volatility: float = 1.0
    twin: bool = False
    venues: set[str] = field(default_factory=set)

    @property
    def thin(self) -> bool:
        return self.liquidity < 0.1


@dataclass(slots=True)
class Cast:
    """Everything of a world that does not move by itself."""

    coins: list[Coin]
    stablecoins: list[Coin]
    twin: str
    fenced: str
    fenced_at: tuple[str, ...]
    """Korean venues whose deposits of the fenced coin are closed."""


def cast(seed: int, count: int, shares: dict[str, float]) -> Cast:
    """shares: of the lesser coins that each venue lists."""
    random = Random(f"cast {seed}")
    coins = _chosen(random, count)
    lesser = coins[min(MAJORS, count - 3) :]
    twin, fenced = random.sample(lesser, 2)
    for coin in random.sample([c for c in lesser if c not in (twin, fenced)] or lesser[:1], 1):
        coin.liquidity = 0.04
    for coin in coins:
        everywhere = coin not in lesser or coin in (twin, fenced)
        coin.venues = {
            venue for venue, share in shares.items() if everywhere or random.random() < share
        }
        if len(coin.venues & set(KOREAN)) == 0:
            coin.venues.add(random.choice(KOREAN))
    other = _twin_of(random, twin)
    twin.venues -= other.venues
    fenced_at = random.choice([("upbit",), ("bithumb",), KOREAN])
    return Cast([*coins, other], _rows(STABLECOINS), twin.ticker, fenced.ticker, tuple(fenced_at))


def _rows(table: str) -> list[Coin]:
    coins = []
    for line in table.strip().splitlines():
        ticker, title, title_ko, price, chains = line.split()
        title = title.replace("-", " ")
        coins.append(Coin(ticker, title, title_ko, float(price), tuple(chains.split(","))))
    return coins


def _chosen(random: Random, count: int) -> list[Coin]:
    """The majors, then others of the catalogue, then coins made up where it has no more."""
    known = _rows(COINS)
    majors, lesser = known[:MAJORS], known[MAJORS:]
    random.shuffle(lesser)
    coins = [*majors, *lesser][:count]
    for index in range(count - len(coins)):
        ticker = _made_up(random, {coin.ticker for coin in coins})
        coins.append(
            Coin(
                ticker,
                f"{ticker.title()} Network",
                f"{ticker} 토큰",
                round(10 ** random.uniform(-3, 2), 6),
                (random.choice(("ethereum", "solana", "arbitrum")),),
                liquidity=0.3 if index % 7 else 0.05,
            )
        )
    for rank, coin in enumerate(coins):
        coin.price_usd *= math.exp(random.gauss(0, 0.04))
        coin.volatility = 0.7 if rank < 2 else random.uniform(0.9, 1.6)
        if coin.liquidity == 1.0:
            coin.liquidity = 4.0 / (1 + rank * 0.4)
    return coins


def _made_up(random: Random, taken: set[str]) -> str:
    while True:
        ticker = "".join(
            random.choice(letters) for letters in ("BCDFGKLMNPRSTVZ", "AEIOU", "KLMNRSTX", "AEIOU")
        )
        if ticker not in taken:
            return ticker


def _twin_of(random: Random, coin: Coin) -> Coin:
    """Another asset of the same name: at Gate always, at some others by chance."""
    factor = math.exp(random.uniform(math.log(2.5), math.log(14))) ** random.choice((-1, 1))
    chain = random.choice(("ethereum", "solana", "arbitrum"))
    venues = {"gate"} | {v for v in ("bithumb", "kucoin", "bitget") if random.random() < 0.5}
    return Coin(
        coin.ticker,
        f"{coin.title} Classic",
        f"{coin.title_ko} 클래식",
        coin.price_usd * factor,
        (chain,),
        liquidity=0.3,
        volatility=1.8,
        twin=True,
        venues=venues,
    )


# ---- wallets ---------------------------------------------------------------------------------


def wallet(seed: int, venue: str, coin: Coin, *, closed: bool) -> Wallet:
    """closed: no deposits on any network, as of a fenced coin."""
    random = Random(f"wallet {seed} {venue} {coin.ticker} {coin.twin}")
    networks = [_network(random, coin, key, deposit=not closed) for key in coin.chains]
    if len(networks) > 1 and random.random() < 0.15:  # one of several is under repair
        networks[-1].deposit = networks[-1].withdraw = False
    return Wallet(coin.ticker, coin.title, networks)


def _network(random: Random, coin: Coin, key: str, *, deposit: bool) -> Network:
    chain = CHAINS[key]
    native = chain.ticker == coin.ticker and not coin.twin
    fee = FEES_USD.get(key, FEE_USD) * random.uniform(0.8, 1.6) / coin.price_usd
    return Network(
        chain,
        None if native else contract(coin, key),
        rounded(fee, 2),
        rounded(fee * random.choice((2, 5, 10)), 1),
        decimals=8 if native or key == "solana" else 6,
        deposit=deposit,
    )


def contract(coin: Coin, chain: str) -> str:
    """Where the token lives: the same at every venue, another one for a twin."""
    digest = hashlib.sha256(f"{coin.ticker} {coin.title} {chain}".encode()).digest()
    if chain == "solana":
        return "".join(_BASE58[byte % 58] for byte in digest + digest[:12])
    if chain == "tron":
        return "T" + "".join(_BASE58[byte % 58] for byte in digest + digest[:1])
    return "0x" + digest.hex()[:40]


def rounded(value: float, digits: int) -> str:
    """Plain text with so many significant digits, at most 8 decimals."""
    decimals = max(0, min(8, digits - 1 - math.floor(math.log10(value))))
    text = f"{value:.{decimals}f}"
    if not float(text):
        text = f"{10**-decimals:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def tickers(coins: Sequence[Coin]) -> list[str]:
    return list(dict.fromkeys(coin.ticker for coin in coins))
