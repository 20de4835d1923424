"""The watchdog of a board whose hardware waits for eight seconds only."""

from cobenefit_node.watchdog import LONGEST_MS, Watchdog


class Hardware:
    """Bites once it has not been fed for longer than it waits; its timer ticks when told to."""

    def __init__(self):
        self.fed_ms = self.now_ms = 0

    def feed(self):
        self.fed_ms = self.now_ms

    def make_timer(self, number, period, callback, hard):
        assert number == -1
        assert hard, "a callback that waits for the interpreter stops with it"
        self.period_ms, self.tick = period, callback
        return self

    def run(self, duration_ms):
        """Let time pass; return when it bit [ms], or None."""
        end_ms = self.now_ms + duration_ms
        while self.now_ms < end_ms:
            self.now_ms += self.period_ms
            if self.now_ms - self.fed_ms > LONGEST_MS:
                return self.now_ms
            self.tick(self)
        return None


def test_it_bites_when_its_own_time_is_over_and_not_before():
    hardware = Hardware()
    watchdog = Watchdog(hardware, hardware.make_timer, 120_000)
    for _ in range(3):
        assert hardware.run(100_000) is None
        watchdog.feed()
    fed_ms = hardware.now_ms
    bitten_ms = hardware.run(200_000)
    assert 110_000 <= bitten_ms - fed_ms <= 124_000, bitten_ms - fed_ms


def test_a_timer_that_stands_still_is_bitten_at_once():
    hardware = Hardware()
    watchdog = Watchdog(hardware, hardware.make_timer, 120_000)
    hardware.tick = lambda _: None
    watchdog.feed()
    assert hardware.run(20_000) <= LONGEST_MS + hardware.period_ms


def test_a_time_shorter_than_the_hardwares_is_still_one_feed():
    hardware = Hardware()
    Watchdog(hardware, hardware.make_timer, 1000)
    assert hardware.run(LONGEST_MS) is None
    assert hardware.run(20_000) is not None
