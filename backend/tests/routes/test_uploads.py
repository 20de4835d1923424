"""Forms with a file: what browsers send is read, what is not well formed is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobenefit_backend.errors import RequestError
from cobenefit_backend.routes.uploads import MAX_PARTS, parse

TYPE = "multipart/form-data; boundary=xYz"


def _body(*parts: tuple[str, bytes]) -> bytes:
    start = b"--xYz\r\nContent-Disposition: form-data; "
    sections = (start + head.encode() + b"\r\n\r\n" + content for head, content in parts)
    return b"\r\n".join(sections) + b"\r\n--xYz--\r\n"


@given(st.binary(max_size=200).filter(lambda content: b"--xYz" not in content))
def test_any_bytes_come_back(content):
    body = _body(('name="why"', "été".encode()), ('name="file"; filename="é.csv"', content))
    assert parse(TYPE, body) == {"why": (None, "été".encode()), "file": ("é.csv", content)}


def test_the_first_of_a_name_holds_and_a_torn_body_is_read_as_far_as_it_goes():
    body = _body(
        ('name="a"', b"1"), ('name="a"', b"2"), ('name="file"; filename="f"', b"12345678")
    )
    assert parse(TYPE, body)["a"] == (None, b"1")
    torn = parse(TYPE, body[: body.index(b"5678")])
    assert torn == {"a": (None, b"1"), "file": ("f", b"1234")}


@pytest.mark.parametrize("kind", ["", "application/json", "multipart/form-data", "a; boundary=x"])
def test_another_type_is_refused(kind):
    with pytest.raises(RequestError, match="multipart/form-data"):
        parse(kind, b"")


def test_parts_are_counted():
    assert len(parse(TYPE, _body(*((f'name="n{i}"', b"") for i in range(MAX_PARTS - 1))))) == 31
    with pytest.raises(RequestError, match="at most 32"):
        parse(TYPE, _body(*((f'name="n{i}"', b"") for i in range(MAX_PARTS + 1))))
