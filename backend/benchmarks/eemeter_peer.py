"""Time eemeter 2.10.11 on the daily or hourly model; prints microseconds of CPU per meter.

Run by bench_estimates.py where COBENEFIT_EEMETER names the Python of an environment with
eemeter==2.10.11, numpy<2 and pandas<2 (see backend/validation/derive_oracle.py).
"""

# ruff: noqa: INP001  a script, not a package
import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from eemeter.caltrack.design_matrices import (
    create_caltrack_hourly_preliminary_design_matrix,
    create_caltrack_hourly_segmented_design_matrices,
)
from eemeter.caltrack.hourly import fit_caltrack_hourly_model
from eemeter.caltrack.usage_per_day import fit_caltrack_usage_per_day_model
from eemeter.features import (
    compute_temperature_features,
    compute_usage_per_day_feature,
    estimate_hour_of_week_occupancy,
    fit_temperature_bins,
    merge_features,
)
from eemeter.segmentation import segment_time_series

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "validation"))
from simulate import FIRST_DAY, home, hourly_home

METERS = 3
BALANCES_DEGF = list(range(30, 91, 3))


def daily_s(seed: int) -> float:
    """Return the CPU time of one meter's fit on 365 days [s]."""
    use, degc = home(seed, 0.0)
    days = pd.date_range(FIRST_DAY, periods=366, freq="D", tz="UTC")
    hours = pd.date_range(FIRST_DAY, periods=24 * 365 + 1, freq="H", tz="UTC")
    meter = pd.DataFrame({"value": [*use[:365], np.nan]}, index=days)
    degf = pd.Series([*np.repeat(degc[:365], 24), np.nan], index=hours) * 1.8 + 32
    begun_s = time.process_time()
    features = compute_temperature_features(
        meter.index, degf, heating_balance_points=BALANCES_DEGF,
        cooling_balance_points=BALANCES_DEGF, data_quality=True,
    )  # fmt: skip
    per_day = compute_usage_per_day_feature(meter, series_name="meter_value")
    fit_caltrack_usage_per_day_model(merge_features([per_day, features]))
    return time.process_time() - begun_s


def hourly_s(seed: int) -> float:
    """Return the CPU time of one meter's fit on 8760 hours [s]."""
    use, degc = hourly_home(seed)
    hours = pd.date_range(FIRST_DAY, periods=24 * 365 + 1, freq="H", tz="UTC")
    meter = pd.DataFrame({"value": [*use[: 24 * 365], np.nan]}, index=hours)
    degf = pd.Series(degc[: 24 * 365 + 1], index=hours) * 1.8 + 32
    begun_s = time.process_time()
    design = create_caltrack_hourly_preliminary_design_matrix(meter, degf)
    segments = segment_time_series(design.index, "three_month_weighted")
    occupancy = estimate_hour_of_week_occupancy(design, segmentation=segments)
    bins = fit_temperature_bins(design, segmentation=segments)
    matrices = create_caltrack_hourly_segmented_design_matrices(design, segments, occupancy, bins)
    fit_caltrack_hourly_model(matrices, occupancy, bins)
    return time.process_time() - begun_s


if __name__ == "__main__":
    hourly = sys.argv[1:] == ["hourly"]
    taken = [hourly_s(0)] if hourly else [daily_s(seed) for seed in range(METERS)]
    print(json.dumps(1e6 * float(np.median(taken))))
