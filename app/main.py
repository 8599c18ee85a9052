"""create_app: the one place that knows every room and joins them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager

import structlog
from fastapi import Depends, FastAPI
from starlette.types import ASGIApp

from app import __version__
from app.domain.problems import Problem
from app.domain.roles import ProcessRole
from app.domain.secret import Secret
from app.domain.venues import Venue
from app.exchanges import fx
from app.exchanges.signing import Keys
from app.jobs import timetable
from app.ledger.database import Database
from app.routers import (
    arming,
    auth,
    cycles,
    dashboard,
    dashboard_live,
    data,
    guide,
    live,
    markets,
    markets_live,
    opportunities,
    opportunities_live,
    ops,
    orders,
    performance,
    risk,
    settings_security,
    static,
    streams,
    system,
    system_live,
    tape_live,
    trading_live,
    wallets,
    ws,
)
from app.routers import backtests as backtest_pages
from app.routers import settings as settings_page
from app.routers import studies as study_pages
from app.routers import tools as tools_page
from app.routers.api import arming as arming_api
from app.routers.api import backtests, datasets, docs, fees, identity, studies, tokens, tools
from app.routers.api import credentials as credentials_api
from app.routers.api import live as live_api
from app.routers.api import settings as settings_api
from app.routers.api import trading as trading_api
from app.routers.backtesting import live as backtests_live
from app.routers.problems import install_problem_handlers, refuse
from app.runtime import logs
from app.runtime.accounts import Accounts
from app.runtime.allow_list import AllowList
from app.runtime.credentials import Credentials
from app.runtime.desk import Dependencies, Desk, Safe
from app.runtime.feeds.demo import drill_keys
from app.runtime.feeds.endpoints import Endpoint
from app.runtime.health import Health, probes
from app.runtime.latency import Latency, LatencyRows
from app.runtime.market import Market, Outside
from app.runtime.market_rows import MarketRows
from app.runtime.metrics import Metrics
from app.runtime.policy import Policies
from app.runtime.preferences import Preferences
from app.runtime.processes import Processes
from app.runtime.second_factor import SecondFactor
from app.runtime.streams.hub import Hub
from app.runtime.trading.arming import Arming
from app.runtime.trading.presence import Presence
from app.runtime.trading.trading import Trading
from app.runtime.trading_policy import TradingPolicies
from app.runtime.vault import Vault
from app.runtime.work.workbench import Workbench
from app.security import master_key
from app.security.guard import deny_undeclared
from app.security.middleware import Door, wrap
from app.security.vault import Keyring
from app.settings import Settings

# Every address that kimp answers: the JSON API, what runs beside it, the pages.
ROUTERS = {
    "api.datasets": datasets.router,
    "api.backtests": backtests.router,
    "api.studies": studies.router,
    "api.settings": settings_api.router,
    "api.live": live_api.router,
    "api.trading": trading_api.router,
    "api.arming": arming_api.router,
    "api.credentials": credentials_api.router,
    "api.identity": identity.router,
    "api.fees": fees.router,
    "api.tools": tools.router,
    "api.tokens": tokens.router,
    "api.docs": docs.router,
    "streams": streams.router,
    "ws": ws.router,
    "ops": ops.router,
    "static": static.router,
    "auth": auth.router,
    "dashboard": dashboard.router,
    "opportunities": opportunities.router,
    "markets": markets.router,
    "tools": tools_page.router,
    "data": data.router,
    "backtests": backtest_pages.router,
    "studies": study_pages.router,
    "guide": guide.router,
    "cycles": cycles.router,
    "orders": orders.router,
    "wallets": wallets.router,
    "risk": risk.router,
    "performance": performance.router,
    "settings_security": settings_security.router,
    "settings": settings_page.router,
    "arming": arming.router,
    "system": system.router,
}

EVERYWHERE = frozenset({"ops"})
"""What a process answers that shows no pages."""

# What pages show of the market while it moves.
LIVE = (
    *tape_live.LIVE,
    *dashboard_live.LIVE,
    *opportunities_live.LIVE,
    *markets_live.LIVE,
    *system_live.LIVE,
)


DRILL, LIVE_FEEDS = "drill", "live"

log = structlog.get_logger("kimp")


class Kimp(FastAPI):
    """The app behind its front door: nothing inside sees a request that the door refused."""

    door: Door
    metrics: Metrics

    def build_middleware_stack(self) -> ASGIApp:
        return self.metrics.timed(wrap(super().build_middleware_stack(), self.door, refuse))


def create_app(settings: Settings) -> Kimp:
    """The whole service. Nothing is opened before its lifespan begins."""

    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        async with _open_desk(settings, metrics) as desk:
            app.state.desk = desk
            yield

    app = Kimp(
        title="kimp",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(deny_undeclared)],
    )
    app.metrics = metrics
    app.door = Door.at(settings.public_url, settings.trusted_proxies)
    install_problem_handlers(app)
    for name, router in ROUTERS.items():
        if name in EVERYWHERE or ProcessRole.DASHBOARD in settings.roles:
            app.include_router(router)
    return app


@asynccontextmanager
async def _open_desk(settings: Settings, metrics: Metrics) -> AsyncGenerator[Desk, None]:
    """Open what the desk needs in order, close it in reverse."""
    desk = _lay_desk(settings, metrics)
    shows = ProcessRole.DASHBOARD in desk.roles
    if shows:
        await desk.accounts.open()
        await desk.work.start()
    await desk.processes.tell()
    await desk.preferences.follow()
    await _open_safe(desk)
    await desk.trading.open()
    await desk.market.start()
    clock = timetable(desk)
    clock.start()
    telling = asyncio.create_task(trading_live.TradingLive(desk).run()) if shows else None
    try:
        yield desk
    finally:
        if telling is not None:
            telling.cancel()
        desk.hub.close()
        clock.shutdown(wait=False)
        await desk.market.stop()
        await desk.trading.close()
        if shows:
            await desk.work.stop()
        await desk.processes.leave()
        await desk.db.close()


async def _open_safe(desk: Desk) -> None:
    """A vault that stays shut takes from LIVE what it needs, and from nobody else anything."""
    await desk.safe.vault.rewrap()
    try:
        desk.trading.mac_key = await desk.safe.vault.mac_key()
    except Problem as reason:
        log.warning("no_withdrawals", reason=reason.code)


def _lay_desk(settings: Settings, metrics: Metrics) -> Desk:
    """Make every part and join it to those that it speaks to. Nothing is opened yet."""
    db = Database.open(settings.database_url)
    hub = Hub()
    preferences = Preferences(db)
    work = Workbench(
        db,
        hub,
        data_dir=settings.data_dir,
        worker_count=os.cpu_count() or 1,
        dask_scheduler=settings.dask_scheduler,
    )
    depended = Dependencies(
        settings.database_url,
        settings.redis_url,
        settings.clickhouse_url,
        settings.dask_scheduler,
    )
    trading = Trading(
        db,
        hub,
        TradingPolicies(preferences),
        Presence(settings.data_dir / "trading"),
        mode=settings.mode,
        roles=settings.roles,
    )
    market = _market(settings, db, hub, preferences, trading)
    _join(hub, work, market, metrics)
    accounts = Accounts(
        db,
        mode=settings.mode,
        public_url=settings.public_url,
        admin_password=settings.admin_password,
        api_token=settings.api_token,
        expel=hub.expel,
    )
    safe = _safe(settings, db, accounts, trading)
    market.stored_keys = safe.credentials.keys
    safe.credentials.changed = market.keys_changed
    return Desk(
        db=db,
        hub=hub,
        work=work,
        accounts=accounts,
        preferences=preferences,
        market=market,
        trading=trading,
        safe=safe,
        health=_health(settings, db, work, depended),
        metrics=metrics,
        dependencies=depended,
        mode=settings.mode,
        env=settings.env,
        version=__version__,
        public_url=settings.public_url,
        data_dir=settings.data_dir,
        started_at_ns=time.time_ns(),
        roles=settings.roles,
        processes=Processes(db, settings.roles, settings.port),
    )


def _health(settings: Settings, db: Database, work: Workbench, around: Dependencies) -> Health:
    seats = work.seats if ProcessRole.DASHBOARD in settings.roles else None
    return Health(probes(db, settings.data_dir, seats, around))


def _safe(settings: Settings, db: Database, accounts: Accounts, trading: Trading) -> Safe:
    master = settings.master_key or master_key.kept(settings.data_dir)
    given = _given_keys(settings)
    logs.hide(_secrets(settings, master, given))
    vault = Vault(db, Keyring(master, settings.master_key_old))
    second_factor = SecondFactor(db, vault, accounts, mode=settings.mode)
    allow_list = AllowList(db, trading, second_factor, accounts)
    return Safe(
        vault,
        second_factor,
        Credentials(vault, second_factor, accounts, given=given, holder=settings.holder),
        allow_list,
        Arming(trading, second_factor, allow_list, accounts),
    )


def _secrets(settings: Settings, master: Secret, given: Mapping[Venue, Keys]) -> Iterator[Secret]:
    """What no line of the log may hold, whoever starts this app."""
    own = (settings.admin_password, settings.api_token, settings.master_key_old, master)
    yield from (each for each in own if each is not None)
    for keys in given.values():
        yield from (Secret(keys.access), keys.secret)
        if keys.passphrase is not None:
            yield keys.passphrase


def _market(
    settings: Settings, db: Database, hub: Hub, preferences: Preferences, trading: Trading
) -> Market:
    fixed = None if settings.fx_fixed is None else float(settings.fx_fixed)
    sources = len(_fx_urls(settings))
    policies = Policies(db, preferences, fx_fixed=fixed, fx_sources=sources)
    return Market(db, hub, preferences, policies, Latency(), outside(settings), trading)


def _join(hub: Hub, work: Workbench, market: Market, metrics: Metrics) -> None:
    """Who listens to whom."""
    metrics.watch(hub, work.seats)
    metrics.add(LatencyRows(market.latency))
    metrics.add(MarketRows(market, market.counts))
    work.listen(metrics.note)
    work.listen(live.Live(hub))
    work.listen(backtests_live.listener(hub))
    for part in (made(hub) for made in LIVE):
        market.listen(part.hz, part)


def _fx_urls(settings: Settings) -> tuple[str, ...]:
    return settings.fx_urls or fx.URLS


def outside(settings: Settings) -> Outside:
    """What the environment decides about the market."""
    told = settings.venue_settings
    return Outside(
        feeds=settings.feeds or (LIVE_FEEDS if settings.mode == DRILL else None),
        data_dir=settings.data_dir,
        venues=settings.venues,
        endpoints={venue: Endpoint(told[venue].ws_url, told[venue].rest_url) for venue in told},
        keys=_keys(settings),
        fx_urls=_fx_urls(settings),
        clickhouse_url=settings.clickhouse_url,
        roles=settings.roles,
    )


def _keys(settings: Settings) -> dict[Venue, Keys]:
    """Of the environment; in a drill the simulator's test keys, where it gives none."""
    own = drill_keys(settings.holder) if settings.mode == DRILL else {}
    return own | _given_keys(settings)


def _given_keys(settings: Settings) -> dict[Venue, Keys]:
    found: dict[Venue, Keys] = {}
    for venue, each in settings.venue_settings.items():
        if each.api_key is not None and each.api_secret is not None:
            found[venue] = Keys(
                each.api_key.reveal(), each.api_secret, each.api_passphrase, settings.holder
            )
    return found
