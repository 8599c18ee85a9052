"""One uploaded file → checked columns on disk. Runs in a worker process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

from app.domain.datasets import Hints
from app.domain.problems import Problem
from app.history import detect, quick, slow, targets
from app.history.blocks import Block, Seen
from app.history.detect import Plan
from app.history.limits import CHUNKS_AHEAD, JSON_ROWS
from app.history.lines import Chunk
from app.history.refusals import refuse
from app.history.targets import Stored, WrongRow
from app.history.textfile import Result, TextFile, in_its_encoding
from app.history.times import Clock
from app.history.words import Word

Progress = Callable[[int, int], None]


def read_file(
    source: Path,
    name: str,
    hints: Hints,
    out: Path,
    progress: Progress,
    folders: Callable[[], str],
) -> tuple[Stored, ...]:
    """Read a file of any shape of history and store it whole, or raise Problem and store nothing.

    name: the uploader's file name, for hints only. out: where folders are made; `folders` gives
    a new name each time. progress(bytes done, bytes in all) may raise to give up.
    """

    def read(file: TextFile) -> tuple[Stored, ...]:
        plan = detect.detect(file.table, name, hints)
        seen = Seen()
        with ExitStack() as stack:
            target = targets.target(plan, out, folders, stack)
            for block in blocks(file, plan, seen):
                target.append(block)
                progress(file.meter.done, file.meter.total)
            try:
                return target.finish(seen.form)
            except WrongRow as wrong:
                raise _named(wrong, file, plan) from wrong

    return in_its_encoding(source, read)


def blocks(file: TextFile, plan: Plan, seen: Seen) -> Iterator[Block]:
    """The checked rows of a file; at least one, or it is refused."""
    clock = Clock(plan.zone)
    read = _blocks_of_json if file.table.delimiter is None else _blocks_of_text
    rows = 0
    for block in read(file, plan, clock, seen):
        rows += len(block.lines)
        if len(block.lines):
            yield block
    if not rows:
        raise refuse("file_without_rows", expected=">= 1 row")


def _blocks_of_text(file: TextFile, plan: Plan, clock: Clock, seen: Seen) -> Iterator[Block]:
    """Chunk by chunk: quickly where the quick reader vouches for it, else slowly."""
    delimiter, first_row = file.table.delimiter, file.table.first_row
    assert delimiter is not None

    def read_quickly(rows: Chunk) -> tuple[Block, Seen] | None:
        return quick.read(rows, plan, delimiter, clock)

    bodies = (_without_header(chunk, first_row) for chunk in file.chunks())
    for rows, quickly in _ahead(read_quickly, bodies):
        if quickly and seen.settle(quickly[1]):
            yield quickly[0]
        else:
            yield slow.read(slow.rows_of(rows, delimiter), plan, clock, seen)


def _ahead(
    work: Callable[[Chunk], Result], chunks: Iterable[Chunk]
) -> Iterator[tuple[Chunk, Result]]:
    """Each chunk with what `work` makes of it, in order; two threads work ahead."""
    waiting: deque[tuple[Chunk, Future[Result]]] = deque()
    with ThreadPoolExecutor(CHUNKS_AHEAD) as pool:
        try:
            for chunk in chunks:
                waiting.append((chunk, pool.submit(work, chunk)))
                if len(waiting) > CHUNKS_AHEAD:
                    done, result = waiting.popleft()
                    yield done, result.result()
            while waiting:
                done, result = waiting.popleft()
                yield done, result.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _blocks_of_json(file: TextFile, plan: Plan, clock: Clock, seen: Seen) -> Iterator[Block]:
    rows = file.rows_of_json()
    while some := list(islice(rows, JSON_ROWS)):
        yield slow.read(some, plan, clock, seen)


def _without_header(chunk: Chunk, first_row: int) -> Chunk:
    """The chunk from the line `first_row` on."""
    text, line = chunk
    start = 0
    while line < first_row and start < len(text):
        start = text.index(b"\n", start) + 1
        line += 1
    return Chunk(text[start:], line)


def _named(wrong: WrongRow, file: TextFile, plan: Plan) -> Problem:
    """The refusal of a row that clashes with others, with what stands in the file there."""
    place = plan.time if wrong.column is Word.TIME else plan.numbers[wrong.column]
    expected = wrong.expected
    if wrong.other is not None:
        expected = f"{file.fields_at(*wrong.other)[place]} as in row {wrong.other.line}"
    value = file.fields_at(*wrong.place)[place]
    column, row = plan.names[place], wrong.place.line
    return refuse(wrong.code, row=row, column=column, value=value, expected=expected)
