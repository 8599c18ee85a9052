"""What leaves us is what the standards read: events of HTML §9.2, chunks of RFC 9112 §7.1."""

from __future__ import annotations

import pytest

from app.runtime.streams import framing
from tests.streams.kit import parsed


def test_an_event_has_its_number_its_name_and_one_line_of_data() -> None:
    event = framing.numbered(7, framing.event("prices", b'{"at":1}'))

    assert event == b'id: 7\nevent: prices\ndata: {"at":1}\n\n'


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_html_of_several_lines_arrives_as_it_was(line_end: str) -> None:
    html = f"<ul>{line_end}<li>김프 +1.52 %</li>{line_end}</ul>"

    (event,) = parsed(framing.fragment("rows", html.encode()))

    assert event.name is None
    assert event.data == (
        '<hx-partial hx-target="#rows" hx-swap="innerMorph">'
        "<ul>\n<li>김프 +1.52 %</li>\n</ul></hx-partial>"
    )


def test_a_blank_line_in_html_does_not_end_the_event() -> None:
    assert len(parsed(framing.fragment("rows", b"<pre>a\n\nb</pre>"))) == 1


def test_a_chunk_says_its_length_in_bytes_not_in_letters() -> None:
    assert framing.chunk("가".encode() * 6) == b"12\r\n" + "가".encode() * 6 + b"\r\n"


def test_the_goodbye_is_an_event_and_the_heartbeat_is_none() -> None:
    (goodbye,) = parsed(framing.BYE)
    (comment,) = parsed(framing.COMMENT)

    assert goodbye.name == "bye"
    assert comment.data is None
