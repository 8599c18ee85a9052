"""Examples of trading's answers, for the documentation."""

from __future__ import annotations

from msgspec.structs import asdict, replace

from app.runtime.trading import pages, rows

ENGINE = pages.EngineItem(
    mode="paper",
    state="ACTIVE",
    killed=False,
    armed=False,
    armed_until=None,
    blocked=[],
    running=True,
    feeds="demo",
    by="admin",
    reason="",
    version=3,
    at="2026-11-20T06:50:00.000Z",
    open_intents=2,
    breaches=[],
    audited_at="2026-11-20T06:55:00.000Z",
    drifts=[],
    operators={},
    recovered=pages.RecoveredItem("2026-11-20T06:49:58.120Z", 0.41, 2, 0, [], 0, 1),
)
KILLED = replace(ENGINE, state="HALTED", killed=True, reason="news", version=4)
CYCLE = rows.CycleItem(
    id="c-41",
    mode="paper",
    strategy="HIGH_PREMIUM",
    direction="high",
    style="TRANSFER",
    base="XRP",
    return_base=None,
    state="INITIAL_TRADE_COMPLETED",
    step="ON_CHAIN",
    outcome=None,
    exposure=[rows.ExposureItem(None, "XRP", "281.1")],
    attempts=0,
    next_attempt_at=None,
    version=12,
    opened_at="2026-11-20T06:51:03.412Z",
    closed_at=None,
    pnl_krw=None,
    reason=None,
    compensating=False,
    quantity="281.4",
    notional_krw="1000000",
    net_bps=231.5,
    plan=[rows.PartItem("headline", 253.5), rows.PartItem("buy_fee", -10.0)],
    actual=[],
    signal_id="o-41",
)
CYCLES = pages.CycleList([CYCLE])
EVIDENCE = rows.EvidenceItem(
    "place", "2026-11-20T06:51:03.430Z", "2026-11-20T06:51:03.512Z", True, ""
)
ORDER = rows.OrderItem(
    id="or-101",
    cycle_id="c-41",
    mode="paper",
    role="INITIAL",
    step="LEG1_SENT",
    attempt=1,
    venue="binance",
    client_id="7z2nviziivkorq3elwia",
    venue_order_id="p-7z2nviziivkorq3elwia",
    base="XRP",
    quote="USDT",
    product="spot",
    side="buy",
    type="ioc",
    price="2.5040",
    quantity="281.4",
    filled_quantity="281.4",
    average_price="2.5012",
    fees=[rows.FeeItem("XRP", "0.2814")],
    state="FILLED",
    complete=True,
    code=None,
    planned_at="2026-11-20T06:51:03.412Z",
    sent_at="2026-11-20T06:51:03.430Z",
    updated_at="2026-11-20T06:51:03.512Z",
    evidence=[EVIDENCE],
)
ORDERS = pages.OrderList([ORDER])
TRANSFER = rows.TransferItem(
    id="tr-102",
    cycle_id="c-41",
    mode="paper",
    role="TRANSFER",
    step="WITHDRAW_REQUESTED",
    hop=1,
    attempt=1,
    asset="XRP",
    network="XRP",
    chain="RIPPLE",
    from_venue="binance",
    to_venue="upbit",
    client_id="q4m6x2c7h5ovtz3ajwds",
    withdrawal_id="w-q4m6x2c7h5ovtz3ajwds",
    txid="paper-q4m6x2c7h5ovtz3ajwds",
    amount="281.1",
    fee="0.2",
    fee_paid="0.2",
    credited=None,
    state="ON_CHAIN",
    code=None,
    planned_at="2026-11-20T06:51:04.001Z",
    sent_at="2026-11-20T06:51:04.020Z",
    credited_at=None,
    expected_at="2026-11-20T06:51:24.020Z",
    evidence=[EVIDENCE],
)
TRANSFERS = pages.TransferList([TRANSFER])
CYCLE_DETAIL = pages.CycleDetail(
    **asdict(CYCLE),
    net=[pages.NetItem("USDT", "-703.84")],
    fees=[rows.FeeItem("XRP", "0.2814")],
    orders=[ORDER],
    transfers=[TRANSFER],
    transitions=[
        pages.TransitionItem(
            1, "NEW", "STARTED", "OPENED", 1, 1, "engine", "", "2026-11-20T06:51:03.412Z", "6f1c…"
        )
    ],
    postings=[pages.AccountItem("trade:binance", "USDT", "703.84")],
    journal=[
        pages.JournalItem(
            "2026-11-20T06:51:03.412Z", 1, "engine", "OPENED", "HIGH_PREMIUM TRANSFER XRP"
        )
    ],
    venue_events=[
        pages.VenueEventItem(
            "2026-11-20T06:51:03.512Z", "binance", "answer", "7z2n…:place", "7z2n…", "{}"
        )
    ],
    retry_history=[],
)
DEAD_LETTERS = pages.DeadLetterList(
    [
        pages.DeadLetterItem(
            1,
            replace(CYCLE, state="DEAD_LETTER", attempts=3, reason="RETRIES_SPENT"),
            "RETRIES_SPENT",
            3,
            "2026-11-20T07:31:00.000Z",
            None,
            None,
            None,
        )
    ]
)
TRADES = pages.TradeList(
    [
        pages.TradeItem(
            id="td-7",
            mode="paper",
            cycle_id="c-41",
            client_id="7z2nviziivkorq3elwia",
            role="INITIAL",
            venue="binance",
            to_venue=None,
            base="XRP",
            quote="USDT",
            side="buy",
            type="ioc",
            quantity="281.4",
            price="2.5040",
            filled_quantity="281.4",
            average_price="2.5012",
            fees=[rows.FeeItem("XRP", "0.2814")],
            status="COMPLETED",
            planned_at="2026-11-20T06:51:03.412Z",
            sent_at="2026-11-20T06:51:03.430Z",
            ended_at="2026-11-20T06:51:03.512Z",
        )
    ]
)
STATISTICS = pages.Statistics(
    mode="paper",
    cycles=12,
    wins=10,
    losses=1,
    compensated=1,
    nothing_done=2,
    open=3,
    dead_letters=0,
    pnl_krw="81234.5",
    volume_krw="12000000",
    fees_krw="30120.2",
    win_rate=10 / 12,
    average_pnl_krw="6769.54",
    best_pnl_krw="15002.1",
    worst_pnl_krw="-2210.7",
    average_s=71.4,
)
PORTFOLIO = pages.PortfolioItem(
    "paper",
    "71000000",
    [],
    [
        pages.PurseItem("binance", "USDT", "49296.16", "0", "0", None, "70000547.2"),
        pages.PurseItem("upbit", "XRP", "0", "0", "281.1", None, "1023204"),
    ],
)
LEDGER = pages.LedgerItem(
    [
        pages.AccountItem("external", "USDT", "-50000"),
        pages.AccountItem("trade:binance", "USDT", "703.84"),
        pages.AccountItem("venue:binance:available", "USDT", "49296.16"),
    ],
    [pages.SumItem("USDT", "0")],
)
ENTRIES = pages.EntryList(
    [
        pages.EntryItem(
            9,
            "fill:binance:XRP-USDT:spot:1",
            "trade:binance",
            "USDT",
            "703.84",
            "c-41",
            "2026-11-20T06:51:03.512Z",
        )
    ]
)
DAYS = pages.DayList(
    [
        pages.DayItem(
            date="2026-11-20",
            mode="paper",
            cycles=12,
            wins=10,
            losses=1,
            compensated=1,
            pnl_krw="81234.5",
            total_pnl_krw="81234.5",
            volume_krw="12000000",
            fees_krw="30120.2",
            drawdown_pct=0.02,
            equity_krw="71081234.5",
            sharpe=None,
        )
    ]
)
