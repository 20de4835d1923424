"""The proxy passes, cuts, strands and withholds what it is told to, and counts connections."""

import socket
from contextlib import contextmanager

import pytest

from cobenefit_hil.proxy import Proxy, packets

PUBLISH, PUBACK, ACCEPTED = b"\x30\x05\x00\x01ahi", b"\x40\x02\x00\x07", b"\x20\x02\x00\x00"


@pytest.fixture
def broker():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server


@contextmanager
def connected(link, broker):
    with socket.create_connection(("127.0.0.1", link.port), 60) as node:
        there, _ = broker.accept()
        with there:
            there.settimeout(60)
            yield node, there


def test_packets_are_taken_whole_and_only_whole():
    buffer = bytearray(PUBLISH + PUBACK + b"\x30\x80")
    assert list(packets(buffer)) == [PUBLISH, PUBACK]
    assert buffer == b"\x30\x80"
    long = b"\x30\xc8\x01" + bytes(200)
    assert list(packets(bytearray(long + b"\x30"))) == [long]


def test_it_passes_both_ways_and_counts_accepted_sessions(broker):
    with Proxy(broker.getsockname()[1]) as link, connected(link, broker) as (node, there):
        node.sendall(b"up")
        assert there.recv(9) == b"up"
        there.sendall(ACCEPTED)
        assert node.recv(9) == ACCEPTED
        assert (link.accepted, link.sessions) == (1, 1)


def test_a_stranded_way_swallows_words_and_goodbye(broker):
    with Proxy(broker.getsockname()[1]) as link, connected(link, broker) as (node, there):
        node.sendall(b"1")
        assert there.recv(9) == b"1"
        link.strand("to_node")
        there.sendall(ACCEPTED)
        there.shutdown(socket.SHUT_WR)
        node.settimeout(0.3)
        with pytest.raises(TimeoutError):
            node.recv(9)
        node.sendall(b"2")
        assert there.recv(9) == b"2"
        with connected(link, broker) as (again, beyond):
            beyond.sendall(ACCEPTED)
            assert again.recv(9) == ACCEPTED


def test_withheld_packets_are_left_out_and_others_pass(broker):
    with Proxy(broker.getsockname()[1]) as link, connected(link, broker) as (node, there):
        node.sendall(b"1")
        assert there.recv(9) == b"1"
        link.withhold(4)
        there.sendall(PUBACK + PUBLISH + PUBACK)
        node.settimeout(60)
        assert node.recv(99) == PUBLISH


def test_a_link_that_is_down_refuses_and_cuts_and_comes_back_on_its_port(broker):
    with Proxy(broker.getsockname()[1]) as link, connected(link, broker) as (node, there):
        node.sendall(b"1")
        assert there.recv(9) == b"1"
        link.down()
        assert node.recv(9) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", link.port), 60)
        link.up()
        with connected(link, broker) as (again, beyond):
            again.sendall(b"2")
            assert beyond.recv(9) == b"2"
