"""Forms with a file: what browsers send is read, what is not well formed is refused."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobenefit_backend.errors import RequestError
from cobenefit_backend.routes.uploads import MAX_FIELDS, read

TYPE = "multipart/form-data; boundary=xYz"


def _body(*parts: tuple[str, bytes]) -> bytes:
    start = b"--xYz\r\nContent-Disposition: form-data; "
    sections = (start + head.encode() + b"\r\n\r\n" + content for head, content in parts)
    return b"\r\n".join(sections) + b"\r\n--xYz--\r\n"


def _read(body: bytes, kind: str = TYPE, cut: int = 7):
    async def chunks():
        for at in range(0, len(body), cut):
            yield body[at : at + cut]

    return asyncio.run(read(kind, chunks()))


@given(st.binary(max_size=200).filter(lambda content: b"--xYz" not in content))
def test_any_bytes_come_back(content):
    body = _body(('name="why"', "été".encode()), ('name="file"; filename="a/é.csv"', content))
    assert _read(body) == ({"why": "été"}, "é.csv", content)


def test_the_first_of_a_name_holds_and_a_torn_body_is_read_as_far_as_it_goes():
    body = _body(
        ('name="a"', b"1"), ('name="a"', b"2"), ('name="file"; filename="f"', b"12345678")
    )
    assert _read(body) == ({"a": "1"}, "f", b"12345678")
    assert _read(body[: body.index(b"5678")]) == ({"a": "1"}, "", b"")


@pytest.mark.parametrize("kind", ["", "application/json", "multipart/form-data", "a; boundary=x"])
def test_another_type_is_refused(kind):
    with pytest.raises(RequestError, match="multipart/form-data"):
        _read(b"--xYz--\r\n", kind)


def test_what_is_not_well_formed_is_refused():
    with pytest.raises(RequestError, match="send multipart/form-data"):
        _read(b"neither a mark nor a field")


def test_fields_are_counted():
    fields = [(f'name="n{i}"', b"") for i in range(MAX_FIELDS + 1)]
    assert len(_read(_body(*fields[:-1]), cut=1000)[0]) == MAX_FIELDS
    with pytest.raises(RequestError, match="more than 32 fields"):
        _read(_body(*fields), cut=1000)


def test_a_large_file_is_never_on_the_disk(monkeypatch):
    monkeypatch.setattr("tempfile.NamedTemporaryFile", None)
    monkeypatch.setattr("tempfile.mkstemp", None)
    content = bytes(3_000_000)
    body = _body(('name="file"; filename="f"', content))
    assert _read(body, cut=65_536)[2] == content
