"""What six of the venues call each blockchain, as their currency lists spell it."""

from __future__ import annotations

from app.simulator.protocol import Chain

_TABLE = """
key       okx               bybit kucoin       kucoin-id gate   bitget
bitcoin   Bitcoin           BTC   BTC          btc       BTC    BTC
ethereum  ERC20             ETH   ERC20        eth       ETH    ERC20
tron      TRC20             TRX   TRC20        trx       TRX    TRC20
solana    Solana            SOL   SOL          sol       SOL    SOL
arbitrum  Arbitrum~One      ARBI  ARBITRUM     arbitrum  ARBEVM ArbitrumOne
optimism  Optimism          OP    OPTIMISM     optimism  OPETH  Optimism
avalanche Avalanche~C-Chain CAVAX AVAX~C-Chain avaxc     AVAX_C C-Chain
ripple    Ripple            XRP   XRP          xrp       XRP    XRP
"""
_HEAD, *_ROWS = (line.replace("~", "\0").split() for line in _TABLE.strip().splitlines())
NAMES = {
    (venue, row[0]): name.replace("\0", " ")
    for row in _ROWS
    for venue, name in zip(_HEAD[1:], row[1:], strict=True)
}
"""By (venue, our key of the chain)."""


def chain_name(venue: str, chain: Chain) -> str:
    """Chains that the table lacks: OKX writes their title, KuCoin's id is small, others: ticker."""
    if name := NAMES.get((venue, chain.key)):
        return name
    if venue == "okx":
        return chain.title
    return chain.ticker.lower() if venue == "kucoin-id" else chain.ticker
