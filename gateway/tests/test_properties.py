"""Whatever the order, the batches, the copies and the neighbours: the same rollups."""

import random
import shutil

import pytest

from cobenefit_wire.pack import Pack, encode
from cobenefit_wire.units import quantity_of

NOW_MS = 1_700_000_000_000
START_MS = 1_600_041_600_000
YEAR_2100_MS = 4_102_444_800_000
CONSENT = (
    '[windows]\ntimezone = "Europe/Paris"\n[[consent]]\nsite = "*"\ndevice = "*"\n'
    '[[channel]]\nchannel = "*"\nperiod_s = 60\n'
)
UNITS = {"energy_import_wh": "Wh", "power_active_w": "W", "pulse_count": "count"}
FUTURE, FLOOD = "power_active_w_2", "power_active_w_3"


def record(gateway, device, seq, t_ms, values, *, channel, period_ms=60_000):
    pack = Pack(1, seq, 0, t_ms, UNITS[quantity_of(channel)], 0, period_ms, (), values, b"")
    topic = f"cb/v1/s/{device}/up/{channel}"
    return gateway.pack(0, START_MS, [1])._replace(topic=topic, payload=encode(pack))


def messages(gateway, rng):
    """Three devices: a counter, a gauge with spikes, a register that rolls over."""
    out = []
    for device, channel in enumerate(UNITS):
        index = 0
        for seq in range(25):
            n = rng.randrange(1, 30)
            if channel == "pulse_count":
                values = [(4_294_967_000 + 7 * (index + i)) % 4_294_967_296 for i in range(n)]
            elif channel == "power_active_w":
                values = [rng.choice([-200_000, 5, 90, 400, 401]) for _ in range(n)]
            else:
                values = [30 * (index + i) for i in range(n)]
            t_ms = START_MS + index * 60_000
            out.append(record(gateway, f"d{device}", seq, t_ms, values, channel=channel))
            index += n
    return out


def result(gateway):
    gateway.checkpoint(flush=True)
    refused = dict(gateway.refused())
    rows = gateway.rows().items()
    return {k: {**row, "revision": 0, "series_id": 0} for k, row in rows}, refused


def close(row):
    # M2 of whole numbers below 1e6 is a difference of sums below 1e17: it rounds.
    return {**row, "m2": pytest.approx(row["m2"], rel=1e-9, abs=1e-3)}


@pytest.mark.parametrize("seed", range(4))
def test_order_batches_copies_and_restarts_do_not_show(tmp_path, pipeline, seed):
    rng = random.Random(seed)
    plain = pipeline(CONSENT)
    records = messages(plain, rng)
    plain.take(*records)
    expected, refused = result(plain)
    plain.store.close()
    shutil.rmtree(tmp_path / "gateway-data")
    gateway = pipeline(CONSENT)
    shuffled = records + rng.choices(records, k=len(records))
    rng.shuffle(shuffled)
    while shuffled:
        size = rng.randrange(1, 20)
        batch, shuffled = shuffled[:size], shuffled[size:]
        gateway.take(*batch)
        if rng.random() < 0.2:
            gateway.reload()  # what was not saved comes again, as from the journal
            shuffled += batch
        else:
            gateway.checkpoint(flush=rng.random() < 0.2)
    rows, refused_again = result(gateway)
    assert rows == {key: close(row) for key, row in expected.items()}
    assert refused_again == refused
    assert gateway.state.totals["duplicates"] >= len(records)


def test_a_device_in_2100_and_one_that_floods_change_nothing_for_the_others(tmp_path, pipeline):
    rng = random.Random(7)
    alone = pipeline(CONSENT)
    calm = messages(alone, rng)
    alone.take(*calm)
    expected, _ = result(alone)
    alone.store.close()
    shutil.rmtree(tmp_path / "gateway-data")
    gateway = pipeline(CONSENT)
    future = [record(gateway, "dx", i, YEAR_2100_MS + i, [5], channel=FUTURE) for i in range(50)]
    # A hundred times the readings of another device, and each of them in two messages.
    flood = [
        record(gateway, "df", i, START_MS + i * 3_000, [i % 9] * 60, channel=FLOOD, period_ms=50)
        for i in range(400)
    ]
    mixed = flood + flood[::2] + future + calm
    rng.shuffle(mixed)
    for at in range(0, len(mixed), 100):
        gateway.take(*mixed[at : at + 100])
    assert len(gateway.state.series) == 5
    assert gateway.state.series["s", "dx", FUTURE].max_t_ms < START_MS
    rows, refused = result(gateway)
    flooded = [row["count"] for (channel, *_), row in rows.items() if channel == FLOOD]
    assert sum(flooded) == 400 * 60 * 2  # a day and its ten minutes
    assert {k: row for k, row in rows.items() if k[0] in UNITS} == {
        key: close(row) for key, row in expected.items()
    }
    assert refused["dx", FUTURE, "time_in_future"] == (50, 0)
    assert gateway.state.totals["duplicates"] == 200
