"""Write docs/explanation/soak.md and its plot from what a soak left in its folder.

python gateway/benchmarks/soak/page.py FOLDER [FOLDER OF A RUN WITH --kills]
"""

import csv
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
PAGE, PLOT = ROOT / "docs/explanation/soak.md", ROOT / "docs/images/soak.svg"
_W, _H, _LEFT, _TOP, _GAP = 640, 150, 60, 22, 46
Points = list[tuple[float, float]]


def samples(folder: Path) -> dict[str, list[float]]:
    """Return the columns of a run's samples."""
    with (folder / "samples.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    return {name: [float(row[name]) for row in rows] for name in rows[0]}


def rates(seconds: list[float], total: list[float], every: int = 6) -> Points:
    """Return what grew in a second, over so many samples, against minutes."""
    return [
        (seconds[i] / 60, (total[i] - total[i - every]) / (seconds[i] - seconds[i - every]))
        for i in range(every, len(seconds))
        if seconds[i] > seconds[i - every]
    ]


def plot(found: dict[str, list[float]]) -> str:
    """Return the plot: memory, share of a core, readings a second, against minutes."""
    minutes = [s / 60 for s in found["seconds"]]
    memory = list(zip(minutes, found["gateway_rss_mb"], strict=True))
    cpu = rates(found["seconds"], found["gateway_cpu_s"])
    rate = [(m, r / 1000) for m, r in rates(found["seconds"], found["readings"])]
    panels = (
        ("gateway's memory [MB]", memory), ("gateway's CPU [cores]", cpu),
        ("thousand readings a second", rate),
    )  # fmt: skip
    height = len(panels) * (_H + _GAP)
    drawn = "".join(
        _panel(name, points, i * (_H + _GAP) + _TOP, max(minutes))
        for i, (name, points) in enumerate(panels)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_W} {height}" role="img" '
        'aria-label="Memory, CPU and readings of the gateway against minutes" '
        f'font-family="sans-serif" font-size="12"><rect width="{_W}" height="{height}" '
        f'fill="#fff"/>{drawn}</svg>\n'
    )


def _panel(name: str, points: Points, top: int, longest: float) -> str:
    highest = 1.1 * max(y for _, y in points)
    bottom, right = top + _H, _W - 12

    def at(x: float, y: float) -> str:
        across = _LEFT + x / longest * (right - _LEFT)
        return f"{across:.1f} {bottom - y / highest * _H:.1f}"

    path = "L".join(at(x, y) for x, y in points)
    return (
        f'<path d="M{_LEFT} {top}V{bottom}H{right}" fill="none" stroke="#444"/>'
        f'<text x="{_LEFT}" y="{top - 7}">{name}</text>'
        f'<text x="{_LEFT - 6}" y="{bottom}" text-anchor="end">0</text>'
        f'<text x="{_LEFT - 6}" y="{top + 8}" text-anchor="end">{highest:.3g}</text>'
        f'<text x="{_LEFT}" y="{bottom + 15}">0</text>'
        f'<text x="{right}" y="{bottom + 15}" text-anchor="end">{longest:.0f} min</text>'
        f'<path d="M{path}" fill="none" stroke="#0b6e4f"/>'
    )


def page(facts: dict[str, Any], found: dict[str, list[float]], kills: dict[str, Any]) -> str:
    """Return the page."""
    progress, seconds = facts["progress"], found["seconds"][-1]
    readings, cpu = progress["readings"], found["gateway_cpu_s"]
    cpu_s = cpu[-1] - cpu[0]
    quarter = len(found["seconds"]) // 4
    memory, ceiling = found["gateway_rss_mb"], facts["ceiling"]["readings_per_cpu_s"]
    parts = (
        _HEAD.format(
            minutes=round(seconds / 60), devices=facts["devices"],
            ceiling=ceiling, rate=facts["rate"], real=readings / seconds,
            cores=cpu_s / seconds, per_cpu_s=readings / cpu_s, readings=readings,
            packs=progress["packs"], copies=progress["copies"], resent=progress["resent"],
            broker=facts["broker"], waited=progress["waited_s"],
            load=sum(found["load"]) / len(found["load"]), quarter_mb=memory[quarter],
            half_mb=memory[2 * quarter], end_mb=memory[-1],
            data_mb=max(found["data_mb"]),
        ),
        _table(facts),
        _KILLS.format(
            kills=kills["kills"], shots=kills["shots"], devices=kills["devices"],
            rate=kills["rate"], seed=kills["seed"], resent=kills["progress"]["resent"],
            packs=kills["progress"]["packs"],
        ) + _table(kills) if kills else "",
        _LIMITS,
    )  # fmt: skip
    return "\n".join(part for part in parts if part)


def _table(facts: dict[str, Any]) -> str:
    rows = [
        f"| {x['name']} | {x['sent']:,} | {x['stored']:,} | {x['differ']} |"
        for x in facts["verdict"]
    ]
    return "\n".join(
        ("| | ledger | store | devices that differ |", "|---|---|---|---|", *rows, "")
    )


_HEAD = """\
# Soak: the gateway under load, and killed

Written by `gateway/benchmarks/soak/page.py` from what `make soak` left; do not edit.

![Memory, CPU and rate against time](../images/soak.svg)

{minutes} minutes, {devices:,} devices, {broker}, the real gateway with quality, de-duplication,
journal and checkpoints, forwarding to a real backend. One process plays the devices: each has a
counter and a gauge, sends packs of 60 readings and keeps each pack until an ack covers it. 1 % of
the packs have a reading the node flagged, 1 in 1000 is preceded by a copy with a flipped bit, 5 in
1000 come twice, 1 device in 100 declares a pack lost.

| | |
|---|---|
| ceiling measured first | {ceiling:,} readings per CPU second of the gateway |
| rate asked for | {rate:,.0f} readings a second |
| rate reached | {real:,.0f} readings a second |
| gateway | {cores:.2f} cores, {per_cpu_s:,.0f} readings for each CPU second |
| readings, packs | {readings:,}, {packs:,} |
| sent twice on purpose, sent again for want of an ack | {copies:,}, {resent:,} |
| devices waited for acks or the broker | {waited:.0f} s |
| memory after a quarter, half, at the end | {quarter_mb:.0f}, {half_mb:.0f}, {end_mb:.0f} MB |
| journal and database, most | {data_mb:.0f} MB |
| load of the machine, mean | {load:.1f} on 2 cores, shared with other work |

At the end the devices stop, the gateway drains, and the generator's ledger is compared with the
backend's database, for every device and channel:

"""
_KILLS = """
## Killed at random

The same generator, and a gateway killed by signal 9 {shots} times ({kills} while packs waited for
their ack), half of the times while it starts: {devices} devices, {rate:,.0f} readings a second, a
checkpoint each 0.15 s, seed {seed}. {packs:,} packs; {resent:,} sent again.

"""
_LIMITS = """
## How to run it

```sh
make soak ARGS="--minutes=60 --devices=10000 --folder=soak"
make soak ARGS="--kills=200 --devices=300 --rate=6000 --folder=kills"
python gateway/benchmarks/soak/page.py soak kills
```

Ctrl-C ends a run with the same verdict; the same folder goes on with it. Without `--rate` the
ceiling is measured first and half of it asked for; on a machine with less time to give, the
devices wait, and "rate reached" is lower than "asked for".

## What this does not show

Time in the devices runs faster than on the wall: a pack of ten minutes comes every few seconds, so
days close as often as they would in weeks. All devices share one connection. A killed process is
not a power cut.
"""


def main() -> None:
    """Write both."""
    folders = [Path(name) for name in sys.argv[1:]]
    facts, *more = [json.loads((f / "result.json").read_text()) for f in folders]
    found = samples(folders[0])
    PLOT.write_text(plot(found), encoding="utf-8")
    PAGE.write_text(page(facts, found, more[0] if more else {}), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)}, {PLOT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
