"""A provider never holds us for long, and never sends us elsewhere."""

import socket
import threading

import pytest

from cobenefit_backend.access.oidc_errors import SignInError
from cobenefit_backend.access.oidc_http import MAX_BYTES, Fetcher


@pytest.fixture
def serve():
    """A server that sends pieces until nobody listens, one for each beat."""
    running = []

    def start(pieces, beat_s=0.0) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        over = threading.Event()

        def send() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                try:
                    for piece in pieces:
                        connection.sendall(piece)
                        over.wait(beat_s)
                        if over.is_set():
                            return
                except (BrokenPipeError, ConnectionResetError):
                    return

        thread = threading.Thread(target=send)
        thread.start()
        running.append((listener, over, thread))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"

    yield start
    for listener, over, thread in running:
        over.set()
        thread.join()
        listener.close()


def _endless(piece):
    yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
    while True:
        yield piece


def test_drops_do_not_keep_us_past_the_deadline(serve):
    address = serve(_endless(b" "), beat_s=0.02)
    with pytest.raises(SignInError, match="too slow"):
        Fetcher(timeout_s=30, deadline_s=0.3).send("GET", address)


def test_silence_is_not_waited_for(serve):
    address = serve([b"HTTP/1.1 200 OK\r\n"], beat_s=60)
    with pytest.raises(SignInError, match="ReadTimeout"):
        Fetcher(timeout_s=0.2).send("GET", address)


def test_an_endless_answer_is_cut(serve):
    address = serve(_endless(b" " * 65_536))
    with pytest.raises(SignInError, match=str(MAX_BYTES)):
        Fetcher(deadline_s=60).send("GET", address)


def test_a_redirect_is_an_answer(serve):
    address = serve(
        [b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"]
    )
    assert Fetcher().send("GET", address).status == 302


@pytest.mark.parametrize("address", ["http://idp.example/", "file:///etc/passwd", "", "https://"])
def test_nobody_may_listen_in_between(address):
    with pytest.raises(SignInError, match="not https"):
        Fetcher().send("GET", address)


@pytest.mark.parametrize("body", [b"[]", b"<html>", b"\xff", b"null"])
def test_what_is_no_object_is_no_answer(serve, body):
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    answer = Fetcher().send("GET", serve([head + body]))
    with pytest.raises(SignInError, match="no JSON object"):
        answer.json()
