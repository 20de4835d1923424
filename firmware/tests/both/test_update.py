"""Signatures, slots and the notice: the decisions of an update, on both interpreters."""

import os

from cobenefit_node import rsa, slots
from cobenefit_wire import release
from cobenefit_wire.errors import WireError

# An RSA-2048 key made for this test alone; the signature is over 32 bytes 0..31, taken as the
# SHA-256 digest. Made with the package `cryptography`, an implementation that is not ours.
MODULUS = bytes.fromhex(
    "c328db98827192e53ac16875a7a35194f49a6a7cf9cbf38da15d7b3c9c7b7f57b95b79e91764071d384c544c"
    "1c88532a53d9b9555cfa96a4f893fd899cb1bffeefaf30308709604988d24c5c5f6508f5860c2f2efbb8009c"
    "1fad20c8ede750b5601a146d0053763e56bdc048b533c27d722273a12cb1a3e7a07a432e8f5e9c56dacada88"
    "5333e36d21ec970a8a9e97e573e99470ef141a00ce8ed710d8553eebc18fc24c03a3405446992e515b84750d"
    "7662a80d9a4596fcd91878e3a4b878aa72b66b3bbfce3347cf11d657c4e76a8bac6b2144e5339fd70504ecef"
    "d90f5647af7126933a9c95e9b48536bd48c9fab6d7e88c3904ad928235306d59a6dc615b"
)
SIGNATURE = bytes.fromhex(
    "689fa19e933d29beb615d1de6ce68edc46d5db85120038ea7f12560ee370309d8527e98c73706d913d521c9c"
    "49cc302792a220ef6a3e33136d4e39347792077ae8ab9b55aed189fdeaf75240c95a1611b00add5e7b239856"
    "23aa3db102968b404fd0b54a49b3e6c0846be89790745a92dac79c516bbb87e189ec50d3a7781d51673c8298"
    "adde5fd8a6a711ad82558a46bcc51d8f5474d2e6041ea2abc130212cce212ee3297a5a6d4c9c2c3fcfef72ec"
    "4236c35a990f28dabb92287d65e1c9ecc0d087283c0f7ed9631efb7b1ed397c7ab7ef983bb62c470ee3602eb"
    "d2bf5d02fa269684f53e9c44712636b3ed66a68b193cedfd649bf281f2b4a8f2d5b54f3a"
)
DIGEST = bytes(range(32))


def _clean():
    for name in ("slots.0", "slots.1"):
        try:
            os.remove(name)
        except OSError:
            continue


def _fresh():
    _clean()
    return slots.Slots()


def _flip(data, at):
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


def test_a_signature_of_another_implementation_is_verified():
    assert rsa.verify(MODULUS, DIGEST, SIGNATURE)


def test_every_changed_part_is_refused():
    for at in (0, 1, 100, 255):
        assert not rsa.verify(MODULUS, DIGEST, _flip(SIGNATURE, at))
    assert not rsa.verify(MODULUS, _flip(DIGEST, 31), SIGNATURE)
    assert not rsa.verify(_flip(MODULUS, 255), DIGEST, SIGNATURE)
    assert not rsa.verify(MODULUS, DIGEST, SIGNATURE[1:])
    assert not rsa.verify(MODULUS, DIGEST, b"\xff" * 256)
    # A key of 1 and a signature that is the block itself: pow(s, e, n) must not be fooled.
    assert not rsa.verify(b"\x00" * 255 + b"\x01", DIGEST, SIGNATURE)


def test_a_trial_is_counted_and_given_up():
    state = _fresh()
    assert state.choose() == ""
    state.begin_trial("app_a", 7, 60, b"")
    for _ in range(slots.TRIES):
        assert slots.Slots().choose() == "app_a"
    slots.Slots().failed("boom")
    after = slots.Slots()
    assert after.choose() == ""
    assert (after.state.refused, after.state.reason) == (7, "boom")
    assert not after.wants(7)
    assert after.wants(8)
    _clean()


def test_a_confirmed_trial_stays_and_moves_the_counter_and_the_key():
    state = _fresh()
    state.begin_trial("app_a", 7, 60, MODULUS)
    state.choose()
    state.confirm()
    after = slots.Slots()
    assert after.choose() == "app_a"
    assert after.free() == "app_b"
    assert after.key() == MODULUS
    assert not after.wants(7)
    after.begin_trial("app_b", 8, 60, b"")
    after.refuse(8, "no ack")
    assert slots.Slots().choose() == "app_a"
    assert slots.Slots().key() == MODULUS
    _clean()


def test_a_confirmed_slot_that_keeps_crashing_gives_way():
    state = _fresh()
    state.begin_trial("app_a", 7, 60, b"")
    state.confirm()
    for _ in range(slots.TRIES):
        assert slots.Slots().choose() == "app_a"
        slots.Slots().failed("boom")
    assert slots.Slots().choose() == ""
    _clean()


def test_a_torn_state_leaves_the_one_before():
    state = _fresh()
    state.begin_trial("app_a", 7, 60, b"")
    state.confirm()
    with open("slots.1", "rb") as f:
        raw = f.read()
    with open("slots.1", "wb") as f:
        f.write(raw[: len(raw) // 2])
    torn = slots.Slots()
    assert (torn.state.counter, torn.state.active) in ((7, "app_a"), (0, ""))
    assert torn.choose() == "app_a"
    _clean()


def test_a_notice_survives_the_way_and_a_bad_one_is_named():
    notice = release.Notice("update", 7, "unix", 90, DIGEST, 60, None)
    sealed = release.seal(release.body(notice), SIGNATURE)
    assert release.unseal(sealed) == (release.body(notice), SIGNATURE, notice)
    bad = (
        notice._replace(counter=0) if hasattr(notice, "_replace") else None,
        release.Notice("config", 7, "", 90, DIGEST, 60, None),
        release.Notice("update", 7, "", 90_000, DIGEST, 60, None),
        release.Notice("update", 7, "", 90, DIGEST[1:], 60, None),
        release.Notice("update", 7, "", 90, DIGEST, 90_000, None),
        release.Notice("update", 7, "", 90, DIGEST, 60, b"short"),
    )
    for wrong in bad:
        if wrong is None:
            continue
        try:
            release.unseal(release.seal(release.body(wrong), SIGNATURE))
        except WireError as err:
            assert err.reason == "notice"
        else:
            raise AssertionError(wrong)


def test_a_path_cannot_leave_its_slot():
    digest = "0" * 64
    assert release.entry(digest + " 5 a/b.py\n") == release.Entry(digest, 5, "a/b.py")
    for path in ("../x.py", "/etc/x", "a/../b", "a//b", "", "a\\b", "x" * 65):
        try:
            release.entry(digest + " 5 " + path)
        except WireError as err:
            assert err.reason == "index"
        else:
            raise AssertionError(path)
