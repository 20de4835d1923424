"""Improv: packets as the specification has them, and answers to good and bad ones."""

from cobenefit_node import improv

#: The request for device information as public clients send it, checksum included.
ASK_DEVICE = b"IMPROV\x01\x03\x02\x03\x00\xe6"
#: improv-wifi.com, "Send Wi-Fi settings": SSID MyWirelessAP, password mysecurepassword.
SETTINGS = b"\x01\x1e\x0cMyWirelessAP\x10mysecurepassword"


def fed(raw):
    parser = improv.Parser()
    found = [parser.feed(byte) for byte in raw]
    assert parser.between()
    return [packet for packet in found if packet is not None]


def answers(kind, data, join=lambda ssid, password: None):
    sent = []
    service = improv.Service(sent.append, join, ("cobenefit", "1.0", "ESP32-C3", "meter"))
    service.take(kind, data)
    return fed(b"".join(sent)), service


def test_packets_are_those_of_the_specification():
    assert improv.packet(3, b"\x03\x00") == ASK_DEVICE
    assert fed(ASK_DEVICE) == [(3, b"\x03\x00")]
    assert improv.packet(1, b"\x02") == b"IMPROV\x01\x01\x01\x02\xe2"


def test_a_log_between_packets_is_skipped():
    raw = b"IMP 1700 link: OSError\r\nIMPROVE IMPROV\x02" + ASK_DEVICE + b"\n>>> II" + ASK_DEVICE
    assert fed(raw + b"\n") == [(3, b"\x03\x00")] * 2


def test_a_flipped_bit_is_never_a_command():
    for at in range(7, len(ASK_DEVICE)):
        raw = ASK_DEVICE[:at] + bytes((ASK_DEVICE[at] ^ 1,)) + ASK_DEVICE[at + 1 :]
        parser = improv.Parser()
        found = [packet for packet in [parser.feed(b) for b in raw + b"\n"] if packet is not None]
        assert (3, b"\x03\x00") not in found


def test_the_device_says_what_it_is():
    found, _ = answers(3, b"\x03\x00")
    assert found[0] == (2, b"\x00")
    kind, data = found[1]
    assert (kind, data[0], data[1]) == (4, 3, len(data) - 2)
    assert improv.strings(data[2:]) == ["cobenefit", "1.0", "ESP32-C3", "meter"]


def test_settings_are_tried_then_answered():
    tried = []
    found, service = answers(3, SETTINGS, lambda ssid, password: tried.append((ssid, password)))
    assert tried == [("MyWirelessAP", "mysecurepassword")]
    assert found == [(2, b"\x00"), (1, b"\x03"), (1, b"\x04"), (4, b"\x01\x00")]
    assert service.joined


def test_settings_that_do_not_work_are_refused():
    def join(_ssid, _password):
        raise OSError("Wi-Fi MyWirelessAP: refused, check the password")

    found, service = answers(3, SETTINGS, join)
    assert found == [(2, b"\x00"), (1, b"\x03"), (2, b"\x03"), (1, b"\x02")]
    assert not service.joined


def test_rubbish_is_answered_by_its_error():
    assert answers(3, b"\x02\x00")[0] == [(2, b"\x00"), (1, b"\x02")]
    assert answers(3, b"\x63\x00")[0] == [(2, b"\x00"), (2, b"\x02")]
    for kind, data in ((0, b""), (1, b"\x02"), (3, b""), (3, b"\x01\x05\x01")):
        assert answers(kind, data)[0] == [(2, b"\x01")]
    cut = b"\x01\x03\x0cMy"
    assert answers(3, cut)[0][-1] == (2, b"\x01")
    assert answers(3, b"\x01\x04\x03abc")[0][-1] == (2, b"\x01")
