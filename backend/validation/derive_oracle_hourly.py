"""Derive the oracle's answers on hourly data again (environment: see derive_oracle.py).

cd backend/validation; python derive_oracle_hourly.py > oracle_hourly.json
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from eemeter import get_version
from eemeter.caltrack.design_matrices import (
    create_caltrack_hourly_preliminary_design_matrix,
    create_caltrack_hourly_segmented_design_matrices,
)
from eemeter.caltrack.hourly import fit_caltrack_hourly_model
from eemeter.features import estimate_hour_of_week_occupancy, fit_temperature_bins
from eemeter.segmentation import segment_time_series

sys.path.insert(0, str(Path(__file__).parent))
from simulate import DAYS, FIRST_DAY, hourly_home

OFFICES = 3
STEP = 37  # hours between the predictions that are kept


def answer(seed: int) -> dict:
    """Return occupancy, temperature bins and predictions of one office."""
    use, degc = hourly_home(seed)
    hours = pd.date_range(FIRST_DAY, periods=24 * DAYS, freq="H", tz="UTC")
    degf = pd.Series(degc, index=hours) * 1.8 + 32
    half = 24 * (DAYS // 2)
    before = hours[: half + 1]  # its last hour is the end and is not used
    meter = pd.DataFrame({"value": [*use[:half], np.nan]}, index=before)
    design = create_caltrack_hourly_preliminary_design_matrix(meter, degf[before])
    segments = segment_time_series(design.index, "three_month_weighted")
    occupancy = estimate_hour_of_week_occupancy(design, segmentation=segments)
    bins = fit_temperature_bins(design, segmentation=segments)
    matrices = create_caltrack_hourly_segmented_design_matrices(design, segments, occupancy, bins)
    model = fit_caltrack_hourly_model(matrices, occupancy, bins).model
    after = hours[half:]
    predicted = model.predict(after, degf[after]).result["predicted_usage"].to_numpy()
    return {
        "seed": seed,
        "occupied_hours": [int(count) for count in occupancy.sum()],
        "endpoints": [int(count) for count in bins.sum()],
        "predicted_kwh": [float(value) for value in predicted[::STEP]],
        "total_kwh": float(np.nansum(predicted)),
    }


if __name__ == "__main__":
    offices = [answer(seed) for seed in range(OFFICES)]
    print(json.dumps({"eemeter": get_version(), "step": STEP, "offices": offices}))
