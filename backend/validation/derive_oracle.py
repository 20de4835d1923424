"""Derive the oracle's answers again, in an environment of its own with eemeter 2.10.11.

python -m venv oracle && oracle/bin/pip install "eemeter==2.10.11" "numpy<2" "pandas<2"
oracle/bin/python backend/validation/derive_oracle.py > backend/validation/oracle.json
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from eemeter import get_version
from eemeter.caltrack.usage_per_day import fit_caltrack_usage_per_day_model
from eemeter.features import (
    compute_temperature_features,
    compute_usage_per_day_feature,
    merge_features,
)

sys.path.insert(0, str(Path(__file__).parent))
from simulate import DAYS, FIRST_DAY, home

HOMES = 40
BALANCES_DEGF = list(range(30, 91, 3))


def answer(seed: int) -> dict:
    """Return model, savings and adjusted R2 of one home, every other one with a saving of 8 %."""
    use, degc = home(seed, 0.08 * (seed % 2))
    days = pd.date_range(FIRST_DAY, periods=DAYS + 1, freq="D", tz="UTC")
    hours = pd.date_range(FIRST_DAY, periods=24 * DAYS + 1, freq="H", tz="UTC")
    meter = pd.DataFrame({"value": [*use, np.nan]}, index=days)
    degf = pd.Series([*np.repeat(degc, 24), np.nan], index=hours) * 1.8 + 32
    baseline = meter[: days[DAYS // 2]].copy()
    baseline.iloc[-1, 0] = np.nan  # the end of the last day, not a day
    features = compute_temperature_features(
        baseline.index, degf, heating_balance_points=BALANCES_DEGF,
        cooling_balance_points=BALANCES_DEGF, data_quality=True,
    )  # fmt: skip
    per_day = compute_usage_per_day_feature(baseline, series_name="meter_value")
    model = fit_caltrack_usage_per_day_model(merge_features([per_day, features])).model
    reporting = meter[days[DAYS // 2] :]
    predicted = model.predict(reporting.index, degf[days[DAYS // 2] :]).result["predicted_usage"]
    return {
        "seed": seed,
        "model": model.model_type,
        "savings_kwh": float((predicted - reporting["value"]).sum()),
        "predicted_kwh": float(predicted.sum()),
        "r2_adj": float(model.r_squared_adj),
    }


if __name__ == "__main__":
    homes = [answer(seed) for seed in range(HOMES)]
    print(json.dumps({"eemeter": get_version(), "homes": homes}, indent=1))
