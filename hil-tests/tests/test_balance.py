from cobenefit_hil.demo.balance import balance

SERVED = {"house": {"energy": {"count": 98, "sum": 5, "faults": {"checksum": 2}}}}


def row(**changes):
    base = {"device": "house", "channel": "energy", "stored": 98, "lost": 0}
    return {**base, "quarantined": {"checksum": 2}, **changes}


def test_a_full_account_balances():
    (line,) = balance(SERVED, [row()])
    assert line.balanced
    assert (line.served, line.stored, line.quarantined, line.lost) == (100, 98, 2, 0)


def test_declared_losses_count():
    (line,) = balance(SERVED, [row(stored=88, lost=10)])
    assert line.balanced


def test_missing_double_and_misnamed_readings_show():
    for wrong in (
        row(stored=97),
        row(stored=99),
        row(quarantined={"timeout": 2}),
        row(quarantined={}),
    ):
        assert not balance(SERVED, [wrong])[0].balanced


def test_a_channel_only_one_side_knows_shows():
    assert not balance(SERVED, [])[0].balanced
    assert not balance({}, [row()])[0].balanced
