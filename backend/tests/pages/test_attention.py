"""Who is silent: whoever said goodbye, or nothing for two days; no replay for its old time."""

from types import SimpleNamespace

from cobenefit_backend.pages.attention import SILENT_MS, silent

NOW_MS = 1_800_000_000_000


def _ledger(device, boot=1, t_ms=NOW_MS, *, online=True):
    return {"site": "town", "device": device, "boot": boot, "t_ms": t_ms, "online": online}


def _silent(*ledgers, replayed=()):
    entries = [SimpleNamespace(site="town", id=name, accelerated=True) for name in replayed]
    found = silent(SimpleNamespace(device=entries), ledgers, NOW_MS)
    return sorted(device for _, device in found)


def test_the_latest_ledger_decides():
    assert _silent(_ledger("a", 1, NOW_MS - 9, online=False), _ledger("a", 2)) == []
    assert _silent(_ledger("a", 1), _ledger("a", 2, online=False)) == ["a"]
    assert _silent(_ledger("a", 2, None, online=False), _ledger("a", 1)) == []


def test_two_days_without_a_word_are_silence_but_for_a_replay():
    old = NOW_MS - SILENT_MS - 1
    assert _silent(_ledger("a", t_ms=old), _ledger("b", t_ms=old + 1)) == ["a"]
    assert _silent(_ledger("a", t_ms=old), replayed=["a"]) == []
    ended = _ledger("a", t_ms=old, online=False)
    assert _silent(ended, replayed=["a"]) == [], "a replay that has ended needs nobody"
    assert _silent(_ledger("a", t_ms=None)) == [], "its clock was never set"
