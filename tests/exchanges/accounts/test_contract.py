"""One suite for every venue's account, which names none: what it answered, and what that means.

`fixtures/<venue>.py` holds the cases: answers in the shape of the venue's documents.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.orders import NoAnswer, OrderTerms, OrderType, Placed, Rejection
from app.domain.secret import Secret
from app.domain.transfers import NeedsOperator, TransferTerms, Withdrawn
from app.domain.venues import Venue
from app.exchanges import EXCHANGES
from app.exchanges.accounts import ACCOUNTS
from app.exchanges.accounts.contract import Account, IdClass, Page
from app.exchanges.accounts.reading import exact, plain
from app.exchanges.contract import Request, Ticket
from app.exchanges.signing import Keys, sign
from tests.exchanges.accounts.cases import Case, Nonsense, UnclearFor, read

FIXTURES: dict[Venue, ModuleType] = {
    Venue(path.stem): importlib.import_module(f"tests.exchanges.accounts.fixtures.{path.stem}")
    for path in sorted((Path(__file__).parent / "fixtures").glob("[a-z]*.py"))
}
CASES = [(venue, case) for venue, fixture in FIXTURES.items() for case in fixture.CASES]
ACTIONS = {"placed", "cancelled", "funded", "withdrawn"}
QUESTIONS = {"order", "orders", "fills", "balances", "fee", "address", "withdrawals", "deposits"}
EVERY_VENUE_SHOWS = {
    "placed", "cancelled", "order", "orders", "fills", "balances", "address", "withdrawn",
    "withdrawals", "deposits", "stream",
}  # fmt: skip
AT_MS = 1_700_000_000_123
TICKET = Ticket(AT_MS * 1_000_000, "6f5570df-d8bc-4daf-85b4-976733feb624")
DIGEST = "abcdefghijklmnopqr27"
NO_WORD_OF_THE_VENUE = (
    b"", b"   ", b"null", b"true", b'"OK"', b"<html><body>502 Bad Gateway</body></html>",
    b"{", b"[", b"{}", b"[1]", b'{"unexpected":1}', b"\xff\xfe",
)  # fmt: skip


def title(item: tuple[Venue, Case]) -> str:
    return f"{item[0]}-{item[1].reads}-{item[1].name.replace(' ', '_')}"


def meaning(venue: Venue, case: Case) -> Any:
    return read(case, ACCOUNTS[venue], EXCHANGES[venue])


def sending(item: tuple[Venue, Case]) -> bool:
    return item[1].reads in ACTIONS


@pytest.fixture(params=FIXTURES, ids=str)
def venue(request: pytest.FixtureRequest) -> Venue:
    chosen: Venue = request.param
    return chosen


@pytest.fixture
def account(venue: Venue) -> Account:
    return ACCOUNTS[venue]


@pytest.fixture
def terms(venue: Venue) -> OrderTerms:
    found: OrderTerms = FIXTURES[venue].TERMS
    return found


@pytest.fixture
def transfer(venue: Venue) -> TransferTerms:
    found: TransferTerms = FIXTURES[venue].TRANSFER
    return found


def first_of(venue: Venue) -> dict[str, Case]:
    """One case of each reading."""
    found: dict[str, Case] = {}
    for case in FIXTURES[venue].CASES:
        found.setdefault(case.reads, case)
    return found


def values(request: Request) -> list[str]:
    """Every single value that the request carries, wherever it stands."""
    found = [value for _, value in request.query]
    if request.body[:1] in {b"{", b"["}:
        found += leaves(json.loads(request.body))
    else:
        found += [value for _, value in parse_qsl(request.body.decode())]
    return found


def leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    else:
        yield str(value)


def sent(account: Account, terms: OrderTerms, transfer: TransferTerms) -> list[Request]:
    """Everything that we ever ask of this venue."""
    client_id = account.client_id(DIGEST)
    asked = [
        account.place(terms, client_id, AT_MS),
        account.cancel(terms.instrument, client_id, "17"),
        account.cancel(terms.instrument, client_id, None),
        account.ask_order(terms.instrument, client_id, "17"),
        account.ask_order(terms.instrument, client_id, None),
        *account.ask_orders(terms.instrument, AT_MS),
        *account.ask_fills(terms.instrument, "17", AT_MS),
        account.ask_balances(),
        account.ask_fee(terms.instrument),
        account.ask_address(transfer.asset, transfer.network),
        account.fund(transfer, client_id, AT_MS),
        account.withdraw(transfer, client_id, AT_MS),
        *account.ask_withdrawals(transfer.asset, AT_MS, client_id, None),
        *account.ask_withdrawals(transfer.asset, AT_MS, client_id, "17"),
        *account.ask_withdrawals(transfer.asset, AT_MS, None, None),
        *account.ask_deposits(transfer.asset, AT_MS, None),
        *account.ask_deposits(transfer.asset, AT_MS, "0xabc"),
        account.stream_entry(),
    ]
    return [request for request in asked if request is not None]


def test_every_venue_has_an_account_and_its_cases() -> None:
    assert set(ACCOUNTS) == set(FIXTURES) == set(Venue)
    assert all(account.venue is venue for venue, account in ACCOUNTS.items())


def test_every_venue_shows_what_it_answers(venue: Venue) -> None:
    assert {case.reads for case in FIXTURES[venue].CASES} >= EVERY_VENUE_SHOWS


@pytest.mark.parametrize("item", CASES, ids=title)
def test_an_answer_means_what_the_documents_say(item: tuple[Venue, Case]) -> None:
    venue, case = item
    got = meaning(venue, case)
    if isinstance(got, NoAnswer) and isinstance(case.means, NoAnswer):
        assert got.reason.startswith(case.means.reason)  # what else it says is for people
    else:
        assert got == case.means


def test_every_venue_shows_each_kind_of_outcome(venue: Venue) -> None:
    kinds = {(case.reads, type(case.means)) for case in FIXTURES[venue].CASES}
    assert kinds >= {
        ("placed", Placed),
        ("placed", Rejection),
        ("placed", NoAnswer),
        ("cancelled", Placed),
        ("withdrawn", Withdrawn),
        ("withdrawn", NoAnswer),
        ("order", UnclearFor),
        ("stream", Nonsense),
    }


# What no venue says


@pytest.mark.parametrize("item", list(filter(sending, CASES)), ids=title)
@pytest.mark.parametrize("status", [408, 418, 429, 500, 502, 503, 504, 520])
def test_after_a_send_a_broken_answer_is_never_a_refusal(
    item: tuple[Venue, Case], status: int
) -> None:
    """Also where it holds a word that refuses: who wrote it, and when?"""
    venue, case = item
    assert isinstance(meaning(venue, case._replace(status=status)), NoAnswer)


@pytest.mark.parametrize("body", NO_WORD_OF_THE_VENUE)
@pytest.mark.parametrize("status", [200, 201, 302, 400, 401, 403, 404])
def test_what_no_venue_wrote_says_nothing(venue: Venue, status: int, body: bytes) -> None:
    for reads, case in first_of(venue).items():
        got = meaning(venue, case._replace(status=status, body=body))
        if reads in ACTIONS:
            assert isinstance(got, NoAnswer), reads
        elif reads in QUESTIONS:
            assert isinstance(got, UnclearFor), reads


@pytest.mark.parametrize("item", CASES, ids=title)
def test_half_an_answer_says_nothing(item: tuple[Venue, Case]) -> None:
    venue, case = item
    if case.reads not in ACTIONS | QUESTIONS:
        return
    whole = case.body.rstrip()
    for length in {1, len(whole) // 3, len(whole) // 2, len(whole) - 1}:
        got = meaning(venue, case._replace(body=whole[:length]))
        assert isinstance(got, NoAnswer | UnclearFor), whole[:length]


@settings(max_examples=300, deadline=None)
@given(item=st.sampled_from(CASES), data=st.data())
def test_a_field_that_is_gone_or_strange_never_makes_a_refusal(
    item: tuple[Venue, Case], data: st.DataObject
) -> None:
    """A known word may go, and is then missed; nothing turns into a no that was not one."""
    venue, case = item
    if case.body[:1] != b"{" or len(case.body) > 5_000:
        return
    fields = json.loads(case.body)
    if not fields:
        return
    name = data.draw(st.sampled_from(sorted(fields)))
    strange: Any = None
    if data.draw(st.booleans()):
        del fields[name]
    else:
        strange = data.draw(st.sampled_from([None, [], {}, "?", 17, -1.5, True]))
        fields[name] = strange
    got = meaning(venue, case._replace(body=json.dumps(fields).encode()))
    if case.reads in ACTIONS and not isinstance(case.means, Rejection | NeedsOperator):
        assert not isinstance(got, Rejection | NeedsOperator)
    says_none = strange == []  # by an empty list some venues say so
    if case.reads == "order" and case.means is not None and not says_none:
        assert got is not None


# What we ask


def test_every_request_is_signed(
    venue: Venue, account: Account, terms: OrderTerms, transfer: TransferTerms
) -> None:
    """Coinbase wants a key of its own kind, which the tests of signing have."""
    keys = Keys("access", Secret("c2VjcmV0"), Secret("passphrase"))
    for request in sent(account, terms, transfer):
        assert request.signed
        assert request.path.startswith("/")
        first, second = (sign(venue, request, keys, AT_MS, TICKET.tag) for _ in range(2))
        assert first == second
        for name, value in request.headers:
            assert first.headers[name] == value


def test_questions_change_nothing(
    account: Account, terms: OrderTerms, transfer: TransferTerms
) -> None:
    client_id = account.client_id(DIGEST)
    deeds = [
        account.place(terms, client_id, AT_MS),
        account.cancel(terms.instrument, client_id, "17"),
        account.cancel(terms.instrument, client_id, None),
        account.withdraw(transfer, client_id, AT_MS),
        account.fund(transfer, client_id, AT_MS),
        account.stream_entry(),
    ]
    for request in sent(account, terms, transfer):
        if request.method != "GET":
            assert request in deeds


def test_a_client_id_is_ours_and_fits(account: Account) -> None:
    client_id = account.client_id(DIGEST)
    assert DIGEST in client_id
    assert re.fullmatch(r"[A-Za-z0-9_-]{20,32}", client_id)


def test_orders_carry_their_id_and_are_asked_for_by_it(account: Account, terms: OrderTerms) -> None:
    client_id = account.client_id(DIGEST)
    assert client_id in values(account.place(terms, client_id, AT_MS))
    for ask in (account.ask_order, account.cancel):
        request = ask(terms.instrument, client_id, None)
        if request is not None:
            assert client_id in values(request) or client_id in request.path
        request = ask(terms.instrument, client_id, "4711")
        assert request is not None
        assert "4711" in values(request) or "4711" in request.path


def test_withdrawals_carry_an_id_where_that_is_worth_something(
    account: Account, transfer: TransferTerms
) -> None:
    client_id = account.client_id(DIGEST)
    carried = client_id in values(account.withdraw(transfer, client_id, AT_MS))
    assert carried or account.rules.withdrawals is IdClass.N
    assert account.rules.orders is not IdClass.N


def test_a_withdrawal_says_where_to(account: Account, transfer: TransferTerms) -> None:
    request = account.withdraw(transfer, account.client_id(DIGEST), AT_MS)
    assert any(transfer.address in value for value in values(request))
    assert transfer.tag in " ".join(values(request))
    amounts = {transfer.amount, transfer.amount + transfer.fee}  # some take the fee out of it
    assert amounts & {Decimal(value) for value in values(request) if is_decimal(value)}


def is_decimal(text: str) -> bool:
    return re.fullmatch(r"\d+(\.\d+)?", text) is not None


amounts = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent),
    st.integers(1, 10**12),
    st.integers(-12, 6),
)


@settings(max_examples=60, deadline=None)
@given(venue=st.sampled_from(list(FIXTURES)), price=amounts, quantity=amounts)
def test_decimals_are_written_as_they_are(venue: Venue, price: Decimal, quantity: Decimal) -> None:
    """No exponent, no digit more or less."""
    account, terms = ACCOUNTS[venue], FIXTURES[venue].TERMS
    for kind in OrderType:
        asked = msgspec.structs.replace(terms, type=kind, price=price, quantity=quantity)
        written = values(account.place(asked, account.client_id(DIGEST), AT_MS))
        assert plain(price) in written
        assert plain(quantity) in written


@given(amounts)
def test_plain_writes_and_exact_reads_the_same(amount: Decimal) -> None:
    text = plain(amount)
    assert is_decimal(text)
    assert exact(text) == amount
    assert not text.endswith(".")


@pytest.mark.parametrize("kind", OrderType)
def test_both_kinds_of_order_differ(account: Account, terms: OrderTerms, kind: OrderType) -> None:
    made = {
        kind: account.place(msgspec.structs.replace(terms, type=kind), "a" * 20, AT_MS)
        for kind in OrderType
    }
    assert len(set(made.values())) == len(OrderType)


def test_a_deadline_is_no_later_than_the_rules_say(account: Account, terms: OrderTerms) -> None:
    window_ms = account.rules.order_ms
    assert 0 < window_ms <= account.rules.window_ms <= 180_000
    request = account.place(terms, account.client_id(DIGEST), AT_MS)
    for _, value in request.headers:
        assert int(value) <= AT_MS + window_ms


# Pages


@pytest.mark.parametrize("item", CASES, ids=title)
def test_the_rest_of_a_list_is_another_question(item: tuple[Venue, Case]) -> None:
    _, case = item
    if isinstance(case.means, Page) and case.means.rest is not None:
        assert case.means.rest != case.request
        assert case.means.rest.signed


# The stream


def test_the_stream_is_opened_by_frames_of_ours(venue: Venue, account: Account) -> None:
    keys = Keys("access", Secret("c2VjcmV0"), Secret("passphrase"))
    instruments = [FIXTURES[venue].TERMS.instrument]
    frames = account.stream_frames(keys, instruments, TICKET)
    assert frames
    for frame in frames:
        assert json.loads(frame)
    assert b"c2VjcmV0" not in b"".join(frames)
    if account.logs_in:
        logins = [case for case in FIXTURES[venue].CASES if case.reads == "login"]
        assert {case.means for case in logins} >= {True, False, None}


@pytest.mark.parametrize("frame", [b"", b"{", b"[]", b"\xff", b"hello"])
def test_a_frame_of_nobody_is_told(account: Account, frame: bytes, venue: Venue) -> None:
    case = Case("nobody's", "stream", Request("GET", "/"), 0, frame, None)
    assert isinstance(meaning(venue, case), Nonsense)
