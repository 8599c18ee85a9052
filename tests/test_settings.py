"""Settings stop the start with one line that names the variable, the value and what is allowed."""

from __future__ import annotations

import base64
from decimal import Decimal
from pathlib import Path

import pytest

from app.domain.transfers import Receiver
from app.domain.venues import Venue
from app.settings import SettingsError, load

KEY = base64.b64encode(bytes(range(32))).decode()


def refused(**environment: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load({f"KIMP_{name}": value for name, value in environment.items()})
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = load({})
    assert (settings.env, settings.host, settings.port) == ("development", "127.0.0.1", 8000)
    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.data_dir == Path("var").absolute()
    assert settings.database_url == f"sqlite:///{settings.data_dir}/kimp.db"
    assert (settings.mode, settings.feeds, settings.log_format) == ("paper", None, "text")
    assert settings.venues == tuple(Venue)
    assert settings.roles == {"feeder", "initiator", "finalizer", "dashboard"}


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("ENV", "staging", "development, test, production"),
        ("PORT", "0", "1 to 65535"),
        ("PORT", "eighty", "1 to 65535"),
        ("HOST", "example.org", "IP address"),
        ("MODE", "real", "paper, live, drill"),
        ("FEEDS", "yes", "demo, live, off"),
        ("VENUES", "upbit,mtgox", "mtgox is none of upbit"),
        ("ROLES", "boss", "feeder"),
        ("LOG_FORMAT", "xml", "text, json"),
        ("DATABASE_URL", "oracle://db/kimp", "sqlite, postgresql"),
        ("DATABASE_URL", "postgresql://", "sqlite, postgresql"),
        ("REDIS_URL", "localhost:6379", "redis"),
        ("CLICKHOUSE_URL", "clickhouse", "http"),
        ("DASK_SCHEDULER", "localhost:8786", "tcp://"),
        ("PUBLIC_URL", "https://kimp.example.org/path", "host and port only"),
        ("TRUSTED_PROXIES", "proxy.local", "networks"),
        ("FX_FIXED", "0", "above 0"),
        ("FX_FIXED", "NaN", "above 0"),
        ("FX_URLS", "ftp://rates", "http"),
        ("UPBIT_WS_URL", "https://api.upbit.com", "ws or wss"),
        ("BINANCE_REST_URL", "https://api.binance.com/api", "host and port only"),
    ],
)
def test_a_wrong_value_names_itself(name: str, value: str, allowed: str) -> None:
    line = refused(**{name: value})
    assert line.startswith(f"KIMP_{name}={value}")
    assert allowed in line


@pytest.mark.parametrize(
    ("name", "value"),
    [("ADMIN_PASSWORD", "short-one"), ("API_TOKEN", "x" * 31), ("MASTER_KEY", "bm90IDMy")],
)
def test_a_wrong_secret_is_not_printed(name: str, value: str) -> None:
    line = refused(**{name: value})
    assert f"KIMP_{name}" in line
    assert value not in line


def test_a_public_address_needs_a_public_url_with_tls() -> None:
    assert "KIMP_PUBLIC_URL is not set" in refused(HOST="0.0.0.0")
    assert "must be https" in refused(HOST="0.0.0.0", PUBLIC_URL="http://kimp.example.org")
    load({"KIMP_HOST": "0.0.0.0", "KIMP_PUBLIC_URL": "https://kimp.example.org"})
    load({"KIMP_HOST": "0.0.0.0", "KIMP_PUBLIC_URL": "http://127.0.0.1:8000"})


def test_production_needs_a_master_key() -> None:
    assert "KIMP_MASTER_KEY is not set" in refused(ENV="production")
    settings = load({"KIMP_ENV": "production", "KIMP_MASTER_KEY": KEY})
    assert settings.log_format == "json"
    assert KEY not in repr(settings)


def test_a_master_key_file_is_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY + "\n")
    file.chmod(0o644)
    assert "others may read it" in refused(MASTER_KEY_FILE=str(file))
    file.chmod(0o600)
    settings = load({"KIMP_MASTER_KEY_FILE": str(file)})
    assert settings.master_key is not None
    assert settings.master_key.reveal() == KEY
    assert "no such file" in refused(MASTER_KEY_FILE=str(tmp_path / "none"))


def test_drill_starts_only_against_loopback_venues() -> None:
    assert "KIMP_UPBIT_WS_URL" in refused(MODE="drill", VENUES="upbit")
    urls = {
        "KIMP_UPBIT_WS_URL": "ws://127.0.0.1:9101",
        "KIMP_UPBIT_REST_URL": "http://localhost:9101",
    }
    assert load({"KIMP_MODE": "drill", "KIMP_VENUES": "upbit", **urls}).mode == "drill"
    urls["KIMP_UPBIT_REST_URL"] = "https://api.upbit.com"
    with pytest.raises(SettingsError, match="KIMP_UPBIT_REST_URL"):
        load({"KIMP_MODE": "drill", "KIMP_VENUES": "upbit", **urls})


def test_files_lie_under_the_environment(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("KIMP_PORT=8001\nKIMP_FX_FIXED=1400\n")
    (tmp_path / ".env.test").write_text("KIMP_PORT=8002\n")
    assert load({}, tmp_path).port == 8001
    settings = load({"KIMP_ENV": "test"}, tmp_path)
    assert (settings.port, settings.fx_fixed) == (8002, Decimal(1400))
    assert load({"KIMP_ENV": "test", "KIMP_PORT": "8003"}, tmp_path).port == 8003


def test_a_name_nobody_knows_is_reported() -> None:
    environment = {"KIMP_ENV": "test", "KIMP_PROT": "8000", "PATH": "/bin"}
    assert load(environment).unknown == ("KIMP_PROT",)


def test_whose_the_accounts_are_is_told_in_both_languages_or_not_at_all() -> None:
    assert load({}).holder is None
    names = {"HOLDER_NAME_KO": "홍길동", "HOLDER_NAME_EN": "HONG GILDONG"}
    told = {f"KIMP_{name}": value for name, value in names.items()}
    assert load(told).holder == Receiver("홍길동", "HONG GILDONG")
    assert load(told | {"KIMP_HOLDER_TYPE": "corporation"}).holder == Receiver(
        "홍길동", "HONG GILDONG", is_company=True
    )
    for name, value in names.items():
        assert "go together" in refused(**{name: value})
