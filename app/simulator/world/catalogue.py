"""Chains and coins that a world can be made of; prices in USD at its beginning."""

from __future__ import annotations

from app.simulator.protocol import Chain

_CHAINS = """
bitcoin BTC Bitcoin - 2
ethereum ETH Ethereum ERC20 12
tron TRX Tron TRC20 20
solana SOL Solana SPL 30
arbitrum ARB Arbitrum-One ARB20 12
optimism OP Optimism OP20 12
avalanche AVAX Avalanche-C C20 12
ripple XRP Ripple - 1
dogecoin DOGE Dogecoin - 20
cardano ADA Cardano - 15
polkadot DOT Polkadot - 12
bitcoincash BCH Bitcoin-Cash - 6
ethereumclassic ETC Ethereum-Classic - 100
stellar XLM Stellar - 1
sui SUI Sui - 5
aptos APT Aptos - 5
near NEAR Near - 8
algorand ALGO Algorand - 5
hedera HBAR Hedera - 2
vechain VET VeChain - 12
cosmos ATOM Cosmos - 6
filecoin FIL Filecoin - 60
internetcomputer ICP Internet-Computer - 5
stacks STX Stacks - 6
sei SEI Sei - 5
celestia TIA Celestia - 5
injective INJ Injective - 5
tezos XTZ Tezos - 10
flow FLOW Flow - 5
zilliqa ZIL Zilliqa - 10
iota IOTA Iota - 5
qtum QTUM Qtum - 10
icon ICX Icon - 10
multiversx EGLD MultiversX - 5
theta THETA Theta - 10
litecoin LTC Litecoin - 6
"""

CHAINS: dict[str, Chain] = {
    key: Chain(
        key, ticker, title.replace("-", " "), "" if standard == "-" else standard, int(blocks)
    )
    for key, ticker, title, standard, blocks in (
        line.split() for line in _CHAINS.strip().splitlines()
    )
}

FEES_USD: dict[str, float] = {"bitcoin": 4.0, "ethereum": 1.2, "tron": 1.0, "arbitrum": 0.15}
"""What leaving over a chain costs; elsewhere FEE_USD."""
FEE_USD = 0.1

COINS = """
BTC Bitcoin 비트코인 98000 bitcoin
ETH Ethereum 이더리움 3400 ethereum,arbitrum
XRP Ripple 리플 2.31 ripple
SOL Solana 솔라나 187 solana
DOGE Dogecoin 도지코인 0.241 dogecoin
ADA Cardano 에이다 0.83 cardano
TRX Tron 트론 0.272 tron
LINK Chainlink 체인링크 19.4 ethereum
AVAX Avalanche 아발란체 31.5 avalanche
DOT Polkadot 폴카닷 5.9 polkadot
BCH Bitcoin-Cash 비트코인캐시 512 bitcoincash
ETC Ethereum-Classic 이더리움클래식 24.6 ethereumclassic
XLM Stellar-Lumens 스텔라루멘 0.334 stellar
SUI Sui 수이 3.42 sui
APT Aptos 앱토스 7.83 aptos
NEAR Near-Protocol 니어프로토콜 4.21 near
ARB Arbitrum 아비트럼 0.621 arbitrum,ethereum
OP Optimism 옵티미즘 1.43 optimism,ethereum
SHIB Shiba-Inu 시바이누 0.0000187 ethereum
PEPE Pepe 페페 0.0000142 ethereum
UNI Uniswap 유니스왑 10.8 ethereum
AAVE Aave 에이브 264 ethereum
ALGO Algorand 알고랜드 0.287 algorand
HBAR Hedera 헤데라 0.221 hedera
VET VeChain 비체인 0.0364 vechain
ATOM Cosmos 코스모스 6.12 cosmos
FIL Filecoin 파일코인 4.63 filecoin
ICP Internet-Computer 인터넷컴퓨터 8.91 internetcomputer
SAND The-Sandbox 샌드박스 0.441 ethereum
MANA Decentraland 디센트럴랜드 0.382 ethereum
AXS Axie-Infinity 엑시인피니티 4.05 ethereum
STX Stacks 스택스 1.22 stacks
SEI Sei 세이 0.318 sei
TIA Celestia 셀레스티아 3.57 celestia
INJ Injective 인젝티브 16.2 injective,ethereum
RENDER Render 렌더토큰 4.74 solana,ethereum
ONDO Ondo-Finance 온도파이낸스 1.13 ethereum
ENA Ethena 에테나 0.671 ethereum
WLD Worldcoin 월드코인 1.52 optimism,ethereum
BONK Bonk 봉크 0.0000263 solana
JUP Jupiter 주피터 0.744 solana
PYTH Pyth-Network 피스네트워크 0.231 solana
IMX Immutable 이뮤터블엑스 0.912 ethereum
GRT The-Graph 더그래프 0.163 ethereum,arbitrum
CHZ Chiliz 칠리즈 0.0652 ethereum
THETA Theta-Network 쎄타토큰 1.44 theta
EGLD MultiversX 멀티버스엑스 24.1 multiversx
FLOW Flow 플로우 0.583 flow
XTZ Tezos 테조스 0.922 tezos
ZIL Zilliqa 질리카 0.0171 zilliqa
IOTA Iota 아이오타 0.243 iota
QTUM Qtum 퀀텀 2.63 qtum
ICX Icon 아이콘 0.142 icon
GLM Golem 골렘 0.344 ethereum
BAT Basic-Attention-Token 베이직어텐션토큰 0.192 ethereum
ZRX 0x-Protocol 제로엑스 0.381 ethereum
KNC Kyber-Network 카이버네트워크 0.483 ethereum
STORJ Storj 스토리지 0.412 ethereum
MASK Mask-Network 마스크네트워크 2.34 ethereum
BLUR Blur 블러 0.211 ethereum
GMT Stepn 스테픈 0.124 solana,ethereum
ANKR Ankr 앵커 0.0284 ethereum
"""
"""Ticker, English name, Korean name, USD, chains. Largest first: the first six are everywhere."""

MAJORS = 6

STABLECOINS = """
USDT Tether 테더 1 tron,ethereum,solana,arbitrum
USDC USD-Coin 유에스디코인 1 ethereum,solana,arbitrum
"""
