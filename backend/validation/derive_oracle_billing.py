"""Derive the oracle's answers on billing data again (environment: see derive_oracle.py).

cd backend/validation; python derive_oracle_billing.py > oracle_billing.json
"""

import json
import sys
from itertools import pairwise
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
from simulate import DAYS, FIRST_DAY, bill_starts, home

HOMES = 20
BALANCES_DEGF = list(range(30, 91, 3))


def answer(seed: int, months: int, fuel: str) -> dict:
    """Return model, predictions and statistics of one home's bills."""
    use, degc = home(seed, 0.08 * (seed % 2))
    starts = bill_starts(seed, months)
    days = pd.date_range(FIRST_DAY, periods=DAYS + 1, freq="D", tz="UTC")
    hours = pd.date_range(FIRST_DAY, periods=24 * DAYS + 1, freq="H", tz="UTC")
    bills = [use[a:b].sum() for a, b in pairwise(starts)]
    meter = pd.DataFrame({"value": [*bills, np.nan]}, index=days[starts])
    degf = pd.Series([*np.repeat(degc, 24), np.nan], index=hours) * 1.8 + 32
    half = len(bills) // 2
    baseline = meter.iloc[: half + 1].copy()
    baseline.iloc[-1, 0] = np.nan  # the end of the last bill, not a bill
    features = compute_temperature_features(
        baseline.index, degf, heating_balance_points=BALANCES_DEGF,
        cooling_balance_points=BALANCES_DEGF, data_quality=True,
    )  # fmt: skip
    per_day = compute_usage_per_day_feature(baseline, series_name="meter_value")
    results = fit_caltrack_usage_per_day_model(
        merge_features([per_day, features]), fit_cdd=fuel == "electricity",
        use_billing_presets=True, weights_col="n_days_kept",
    )  # fmt: skip
    model, metrics = results.model, results.totals_metrics
    reporting = meter.iloc[half:]
    predicted = model.predict(reporting.index, degf).result["predicted_usage"]
    return {
        "seed": seed, "months": months, "fuel": fuel, "model": model.model_type,
        "r2_adj": float(model.r_squared_adj),
        "predicted_kwh": [float(value) for value in predicted.dropna()],
        "cv_rmse": float(metrics.cvrmse), "autocorrelation": float(metrics.autocorr_resid),
    }  # fmt: skip


if __name__ == "__main__":
    homes = [
        answer(seed, 1 + seed // 2 % 2, "gas" if seed % 5 == 0 else "electricity")
        for seed in range(HOMES)
    ]
    print(json.dumps({"eemeter": get_version(), "homes": homes}, indent=1))
