"""English: the guide."""

TEXTS: dict[str, str] = {
    "title": "From nothing to a first result",
    "why": "One click, under a minute. No file, no key, no money.",
    "own": "Use own candles",
    "sample": "Run the sample",
    "sample.time": "a few seconds",
    "sample.what": "kimp makes two months of one-minute candles for two coins on two venues, "
    "with a USDT rate, stores them like an upload and runs a backtest on them. The result opens "
    "while it is being computed.",
    "sample.button": "Make the sample and run it",
    "sample.name": "Sample",
    "sample.label": "The prices come from a seeded generator of ours and are marked everywhere:",
    "walk.make": "Data appear",
    "walk.make.why": "Candles of a won market, candles of a dollar market, a rate between them. "
    "They stay under Data and can be deleted.",
    "walk.run": "The run walks every bar",
    "walk.run.why": "Signals at the close, fills at the next open. No bar sees what comes later.",
    "walk.read": "You read the result",
    "walk.read.why": "Equity and drawdown, the premium with every entry and exit, each fill of "
    "each cycle, and whether it can be believed.",
    "premium": "What the premium is",
    "premium.short": "one coin, two prices",
    "premium.1": "A coin costs won in Korea and dollars abroad. Turned into one currency the "
    "two prices differ, because money and coins move slowly between them.",
    "premium.2": "The difference is counted in basis points: 100 bps are 1 %. Above zero Korea "
    "pays more, the kimchi premium; below zero it pays less, the reverse premium.",
    "premium.sum": "A premium, computed",
    "premium.won": "{base} in Korea",
    "premium.dollar": "{base} abroad",
    "premium.same": "the same in won",
    "premium.result": "Premium",
    "styles": "Two ways to trade it",
    "styles.short": "choose one per run",
    "style.inventory": "Money and coins lie ready on both sides. Both legs fill in the same bar.",
    "style.inventory.1": "The premium reaches the entry: sell the coin in Korea, buy it abroad.",
    "style.inventory.2": "Wait, hedged against the coin's own price.",
    "style.inventory.3": "The premium falls to the exit: buy back in Korea, sell abroad.",
    "style.inventory.4": "What is left of entry minus exit after costs is the profit.",
    "style.inventory.risk": "Needs capital on both sides. If the premium rises on, the loss is "
    "on paper until it returns.",
    "style.transfer": "Coins really travel: bought on one side, sent, sold on the other, and "
    "the money returns by the cheapest coin.",
    "style.transfer.1": "The premium reaches the entry: buy the coin abroad.",
    "style.transfer.2": "It arrives some bars later, less the withdrawal fee, and is sold for won.",
    "style.transfer.3": "Wait for a coin with a premium at or under the exit.",
    "style.transfer.4": "Buy it in Korea with all the won and send it back.",
    "style.transfer.5": "Sell it abroad on arrival: dollars again.",
    "style.transfer.risk": "The price moves while coins travel; the hedge takes that out for a "
    "fee. Wallets can be closed, which candles do not show.",
    "costs": "What it costs",
    "costs.short": "with the defaults",
    "costs.1": "A round trip fills four times: in and out, on both venues. Each fill pays a "
    "fee, and slippage because the price moves when you take it.",
    "costs.2": "Entering at {entry} and leaving at {exit} bps captures {captured} bps. The "
    "round trip takes {total}. What stays is {net} bps.",
    "costs.3": "On a cycle of {notional} KRW that is {krw} KRW. If the premium opens or closes "
    "by less than the costs, every cycle loses, however often it wins.",
    "next": "Then with real candles",
    "next.data": "Upload",
    "next.data.why": "Upbit, Binance, generic OHLCV and FX files as they are; kimp finds out "
    "what they hold and says what is missing.",
    "next.form": "Set it up",
    "next.form.why": "Four steps: data, period and FX, rules, costs. The right side says at "
    "once what will run and where it breaks even.",
    "next.believe": "Doubt it",
    "next.believe.why": "Few cycles, one lucky month, gaps inside holds: the result lists what "
    "speaks against itself.",
    "next.oos": "Prove it",
    "next.oos.why": "Sweep the thresholds and prefer a plateau to a peak. Then let a "
    "walk-forward choose on the past and judge on what came next.",
    "words": "Words",
    "word.entry": "entry, exit",
    "word.entry.means": "The premium at which a cycle begins and ends, judged at each close.",
    "word.cycle": "cycle",
    "word.cycle.means": "From the first fill to the last one that makes it flat again.",
    "word.notional": "size of a cycle",
    "word.notional.means": "Won put into each cycle. It does not grow with the capital.",
    "word.slippage": "slippage",
    "word.slippage.means": "How much worse than the open a fill is taken to be.",
    "word.max_hold": "hold at most",
    "word.max_hold.means": "After so many bars a cycle leaves, whatever the premium is.",
    "word.drawdown": "drawdown",
    "word.drawdown.means": "How far equity lies under its highest value before.",
    "word.walkforward": "walk-forward",
    "word.walkforward.means": "Parameters chosen on one window, judged on the next one only.",
}
