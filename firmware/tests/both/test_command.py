"""Commands: their bytes, what is on trial, what a node starts with, and what it refuses."""

import asyncio
import json
import os

from cobenefit_node import commands, config, renewal, selftest, settings, trials
from cobenefit_node.reading import Value
from cobenefit_node.remote import Remote
from cobenefit_node.sampler import Sampler
from cobenefit_wire import command, messages, quality
from cobenefit_wire.errors import WireError

FACTORY = {
    "site": "a",
    "device": "b",
    "broker": {"host": "h", "tls": {"ca": "ca.der", "server_hostname": "h"}},
    "sensors": [{"driver": "tic", "uart": 1, "period_ms": 1000}],
}


def _vectors():
    with open(__file__.rsplit("/", 2)[0] + "/vectors/command.json") as f:
        return json.load(f)


def _refused(call, *args):
    try:
        call(*args)
    except (WireError, ValueError) as err:
        return str(err)
    raise AssertionError("accepted: " + repr(args))


def _clean():
    names = ["remote.0", "remote.1", "config.json"]
    names += [n + s for parts in trials.FILES.values() for n in parts for s in (".a", ".b")]
    for name in names:
        try:
            os.remove(name)
        except OSError:
            continue


def _fresh():
    _clean()
    with open("config.json", "w") as f:
        json.dump(FACTORY, f)
    return trials.Trials()


def _changed(**changes):
    new = dict(FACTORY)
    new.update(changes)
    return json.dumps(new).encode()


class _Slots:
    def key(self):
        raise OSError(2)


class _Ledger:
    errors = 0


class _Node:
    name = "a/b"
    slots = _Slots()
    trial = False

    def __init__(self):
        self.updates = self
        self.lines = []

    def log(self, text):
        self.lines.append(text)

    def on_trial(self):
        return self.trial


def _remote():
    return Remote(_Node(), None, "cb/v1/a/b/cmd", True)


def _run(remote, subject, counter, content, *, device="a/b", signature=b""):
    asked = command.Command(subject, counter, device, 60, content)
    payload = command.seal(command.body(asked), signature)

    async def go():
        task = asyncio.create_task(commands.run(remote, payload))
        for _ in range(100):
            remote.said = remote.reports or remote.said
            remote.reports = []
            await asyncio.sleep(0.01)
            if task.done():
                break
        await task

    remote.said = []
    asyncio.run(go())
    return (remote.reports or remote.said)[-1]


def test_commands_have_the_golden_bytes_and_come_back():
    for row in _vectors()["commands"]:
        subject, counter, device, confirm_s, content = row["fields"]
        asked = command.Command(subject, counter, device, confirm_s, bytes.fromhex(content))
        payload = command.seal(command.body(asked), bytes.fromhex(row["signature"]))
        assert payload == bytes.fromhex(row["hex"]), row["name"]
        body, signature, back = command.unseal(payload)
        assert (body, back) == (command.body(asked), asked)
        assert signature == bytes.fromhex(row["signature"])
    for row in _vectors()["results"]:
        result = messages.Result(*row["fields"])
        assert messages.encode(result) == bytes.fromhex(row["hex"])
        assert messages.decode_result(bytes.fromhex(row["hex"])) == result


def test_a_command_that_is_none_is_refused():
    good = command.Command("config", 1, "a/b", 60, b"{}")
    for changes in (
        {"subject": "reboot"}, {"counter": 0}, {"counter": True}, {"confirm_s": 86_401},
        {"confirm_s": 0}, {"device": 7}, {"content": "{}"},
    ):  # fmt: skip
        fields = [changes.get(n, v) for n, v in zip(("subject", "counter", "device", "confirm_s",
                                                     "content"), good)]  # fmt: skip
        _refused(command.unseal, command.seal(command.body(command.Command(*fields))))
    for raw in (b"", b"\x80", b"\x82\x40\x40", command.seal(b"\xa0"), bytes(5000)):
        _refused(command.unseal, raw)
    whole = command.seal(command.body(good))
    for n in range(len(whole)):
        _refused(command.unseal, whole[:n])


def test_a_renewal_that_is_none_is_refused():
    from cobenefit_wire import cbor

    assert command.renewal(cbor.dumps([b"c", b"", bytes(16), bytes(16)])).certificate == b"c"
    for parts in ([b"c", b"", bytes(16)], [b"c", b"", bytes(15), bytes(16)],
                  [b"c", b"", bytes(16), b""], [b"c", b"", bytes(16), bytes(17)],
                  ["c", b"", bytes(16), bytes(16)]):  # fmt: skip
        _refused(command.renewal, cbor.dumps(parts))
    assert renewal.unpad(b"key" + bytes((13,)) * 13) == b"key"
    for bad in (b"key" + bytes((12,)) * 11, bytes(16), bytes((17,)) * 16):
        assert "secret" in _refused(renewal.unpad, bad)


def test_a_trial_is_kept_by_an_ack_only():
    found = _fresh()
    found.begin("config", 1, (_changed(pack_readings=5),), 60)
    assert trials.Trials().slot("config")[0] == "a"
    assert settings.load().pack_readings == 5
    again = trials.Trials()
    assert again.result("config") == ("config", 1, "trial", "")
    assert again.confirm() == ("config", 1, "confirmed", "")
    assert settings.load().pack_readings == 5
    again.begin("config", 2, (_changed(pack_readings=7),), 60)
    assert settings.load().pack_readings == 7
    assert again.roll_back("no ack") == ("config", 2, "rolled back", "no ack")
    assert settings.load().pack_readings == 5
    assert trials.Trials().slot("config")[0] == "a"
    assert not trials.Trials().wants("config", 2)
    assert trials.Trials().wants("config", 3)
    assert not trials.Trials().wants("config", 1003)
    _clean()


def test_boots_crashes_and_nonsense_end_a_trial():
    found = _fresh()
    found.begin("config", 1, (_changed(pack_readings=5),), 60)
    for _ in range(trials.TRIES):
        assert settings.load().pack_readings == 5
    assert settings.load().pack_readings == 60
    assert trials.Trials().result("config")[2:] == ("rolled back", "not confirmed in 3 boots")
    found = trials.Trials()
    found.begin("config", 2, (_changed(pack_readings=5),), 60)
    assert trials.failed("ValueError()")
    assert not trials.failed("again")
    assert settings.load().pack_readings == 60
    found = trials.Trials()
    found.begin("config", 3, (_changed(pack_readings=0),), 60)
    assert settings.load().pack_readings == 60
    assert "pack_readings" in trials.Trials().result("config").detail
    _clean()


def test_damage_in_force_gives_way_to_the_bench():
    found = _fresh()
    found.begin("config", 1, (_changed(pack_readings=5),), 60)
    found.confirm()
    with open("config.a", "wb") as f:
        f.write(_changed(pack_readings=6))
    assert settings.load().pack_readings == 60
    assert trials.Trials().result("config").outcome == "damaged"
    assert _remote().reports[0].outcome == "damaged"
    found = _fresh()
    found.begin("certificate", 1, (b"c", b"k", b""), 60)
    found.confirm()
    os.remove("key.a")
    assert settings.load().broker.tls.key == ""
    with open("config.json", "w") as f:
        f.write("[1")
    try:
        settings.load()
        raise AssertionError("no configuration, and no error")
    except config.ConfigError as err:
        assert err.path == "config.json"
    _clean()


def test_a_renewed_certificate_takes_the_place_of_the_bench_s():
    found = _fresh()
    found.begin("certificate", 1, (b"c", b"k", b""), 60)
    tls = settings.load().broker.tls
    assert (tls.cert, tls.key, tls.ca) == ("cert.a", "key.a", "ca.der")
    found.confirm()
    found.begin("certificate", 2, (b"c2", b"k2", b"authority"), 60)
    tls = settings.load().broker.tls
    assert (tls.cert, tls.key, tls.ca) == ("cert.b", "key.b", "ca.b")
    assert (
        settings.raw(trials.Trials(), renewed=False)["broker"]["tls"] == FACTORY["broker"]["tls"]
    )
    _clean()


def test_a_configuration_is_checked_whole_before_anything_changes():
    _fresh()
    remote = _remote()
    number = 0
    for content, why in (
        (b"[]", "object"), (b"{", "JSON"), (_changed(nope=1), "no such key"),
        (_changed(site="c"), "site is set on the bench"), (_changed(board="pico_w"), "board"),
        (_changed(ring={"dir": "x"}), "ring.dir"), (_changed(broker={"host": "x"}), "signed"),
        (_changed(sensors=[{"driver": "tic", "uart": 1, "period_ms": 60_000}]), "60 s"),
        (_changed(sensors=[{"driver": "ld", "uart": 1, "period_ms": 1}]), "driver is 'ld'"),
    ):  # fmt: skip
        number += 1
        result = _run(remote, "config", number, content)
        assert result[:3] == ("config", number, "refused"), result
        assert why in result.detail, result
        assert not remote.restart
        assert not trials.Trials().trial
    assert _run(remote, "config", 1, b"{}")[1] == number  # an old counter: what it is at
    new = json.loads(_changed(pack_readings=5))
    del new["broker"]
    result = _run(remote, "config", number + 1, json.dumps(new).encode())
    assert result.outcome == "trial"
    assert remote.restart
    assert not remote.on_trial()
    assert settings.load().broker.host == "h"
    _clean()


def test_what_must_be_signed_is_refused_without_and_for_others():
    _fresh()
    remote = _remote()
    assert "signed" in _run(remote, "certificate", 1, b"").detail
    assert "c/d" in _run(remote, "config", 1, _changed(), device="c/d").detail
    assert "no update.key" in _run(remote, "config", 2, _changed(), signature=bytes(256)).detail
    remote.node.trial = True
    assert _run(remote, "config", 3, _changed()).outcome == "busy"
    remote.node.trial = False
    assert _run(remote, "config", 3, _changed()).outcome == "trial"
    asyncio.run(commands.run(remote, b"\x00"))
    assert remote.reports[-1][:3] == ("command", 0, "refused")
    _clean()


def test_what_finds_no_memory_is_answered_and_may_be_asked_again():
    async def none(_):
        raise MemoryError

    _fresh()
    remote = _remote()
    remote.node.ledger = _Ledger()
    kept, selftest.run = selftest.run, none
    try:
        said = _run(remote, "selftest", 1, b"")
    finally:
        selftest.run = kept
    assert said[:3] == ("selftest", 1, "failed")
    assert "MemoryError" in said.detail
    assert remote.node.ledger.errors == 1
    assert trials.Trials().wants("selftest", 1)
    _clean()


def test_a_trial_ends_by_ack_or_time():
    found = _fresh()
    found.begin("config", 1, (_changed(),), 60)
    remote = _remote()
    assert remote.on_trial()
    remote.check()
    assert not remote.restart
    remote.acked()
    assert remote.reports[-1].outcome == "confirmed"
    remote.acked()
    assert len(remote.reports) == 1
    trials.Trials().begin("config", 2, (_changed(),), 0)
    remote = _remote()
    remote.check()
    assert remote.reports[-1].outcome == "rolled back"
    assert remote.restart
    _clean()


def test_numbers_are_shown_without_floats():
    shown = [selftest.decimal(*x) for x in ((-12, -3), (12_345, -2), (5, 2), (0, -1), (7, 0))]
    assert shown == ["-0.012", "123.45", "500", "0.0", "7"]
    outcome, value = selftest.flash()
    assert outcome == "ok"
    assert value.endswith("kB free")
    assert "selftest.tmp" not in os.listdir(".")


class _Driver:
    channels = ("vehicle_speed_km_h",)

    def __init__(self, values, event):
        self.values = values
        self.event = event

    async def read(self):
        if isinstance(self.values, Exception):
            raise self.values
        return self.values


class _Clock:
    def time_known(self):
        return True

    def now_ms(self):
        return 1_750_000_000_000


class _Ring:
    boot, seq = 1, 0

    def append(self, _channel, readings, _data):
        self.kept = readings
        return (0, 0)


class _Packs:
    pack_readings, pack_age_ms = 60, 1000


class _Ledger:
    errors = 0


def _probe(values, event):
    ring = _Ring()
    sampler = Sampler(
        _Driver(values, event), 1000, _Packs(), clock=_Clock(), ring=ring,
        offer=lambda _: None, ledger=_Ledger(), log=lambda _: None,
    )  # fmt: skip
    rows = asyncio.run(selftest._sensor(sampler))
    sampler.flush()
    return rows, getattr(ring, "kept", 0)


def test_a_probed_event_is_kept_and_a_probed_reading_is_not():
    passage = Value("vehicle_speed_km_h", 52, 0, 0)
    assert _probe([passage], True) == ([("vehicle_speed_km_h", "ok", "52 km/h")], 1)
    assert _probe([], True) == ([("vehicle_speed_km_h", "ok", "no event now")], 0)
    assert _probe([passage], False) == ([("vehicle_speed_km_h", "ok", "52 km/h")], 0)
    silent = Value("vehicle_speed_km_h", 0, 0, quality.TIMEOUT)
    assert _probe([silent], False) == ([("vehicle_speed_km_h", "bad", "timeout")], 0)
    rows, kept = _probe(OSError(5), False)
    assert (rows[0][1:], kept) == (("bad", "protocol_error"), 0)
    assert selftest.text(rows) == "vehicle_speed_km_h\tbad\tprotocol_error"
