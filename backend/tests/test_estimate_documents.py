"""Documents are checked by key and range; answers carry their factors and records."""

import json

import pytest

from cobenefit_backend.documents.answer import answer
from cobenefit_backend.errors import InputError
from cobenefit_backend.estimate.quantity import plain
from cobenefit_backend.factors.load import load

FACTORS = load()
SOIL = {"nitrogen_kg": 100, "fertiliser": "ammonium_nitrate", "climate": "wet", "gwp": "ar6"}
BIN = {"class": "car_petrol", "speed_kmh": 20, "vehicles": 100}
TRAFFIC = {"length_km": 1, "before": [BIN], "after": [BIN | {"speed_kmh": 25}]}
BLOCKS = {"blocks": {"pcb": 1}, "lifetime_years": 5}
HEALTH = {"distance_km": [10, 20], "mode_share": {"car_diesel": 1.0}, "asked": 9}
CASES = {"cases": 9, "resolved": 7, "km_per_visit": {"low": 9, "central": 10, "high": 11}}
OUTPUT = [float(i % 17) for i in range(60)]
WORKSHOP = {
    "baseline_kwh": [50 + 3 * x for x in OUTPUT[:-1]] + [None],
    "reporting_kwh": [45 + 3 * x for x in OUTPUT],
    "baseline_output": [OUTPUT],
    "reporting_output": [OUTPUT],
}
ROOM = {
    "baseline_it_kwh": [100.0] * 9 + [None], "baseline_total_kwh": [180.0 + i for i in range(10)],
    "reporting_it_kwh": [100.0] * 9, "reporting_total_kwh": [160.0] * 9,
}  # fmt: skip
AIR = {"before": [30, None], "after": [10, 40], "threshold": 25, "unit": "ug/m3"}
FLOOD = {"hits": 8, "misses": 2, "false_alarms": 1, "probability": [0.9], "outcome": [True]}
WHOLE = {"gross_kgco2e", "net_kgco2e", "footprint_kgco2e", "details"}
METER = {"baseline_kwh": [5.0, 6.0] * 182, "reporting_kwh": [5.0, None] * 100}


def run(use_case, document):
    return plain(answer(use_case, json.dumps(document).encode(), FACTORS, "in.json"))


@pytest.mark.parametrize(
    ("use_case", "document", "keys"),
    [
        ("soil", SOIL, {"n2o_kg", "n2o_co2e_kg", "manufacture_co2e_kg", "co2e_kg"}),
        ("traffic", TRAFFIC, {"fuel_l", "co2e_kg", "net", "break_even_growth"}),
        ("footprint", BLOCKS, {"truncation_1", "truncation_2"}),
        ("remote_health", HEALTH, WHOLE),
        ("remote_assistance", CASES, WHOLE),
        ("industry", WORKSHOP, WHOLE),
        ("data_centre", ROOM, WHOLE),
        ("smart_meter", METER, {"gross_kgco2e", "net_kgco2e", "net_marginal_kgco2e", "details"}),
    ],
)
def test_every_answer_states_its_evidence(use_case, document, keys):
    result = run(use_case, document)
    common = {"use_case", "evidence_class", "factor_ids", "factor_set", "disqualifications"}
    assert keys | common <= result.keys()
    assert result["factor_ids"]
    assert json.dumps(result, allow_nan=False)


@pytest.mark.parametrize(
    ("use_case", "document"), [("surveillance", AIR), ("climate_event", FLOOD)]
)
def test_an_indicator_answers_without_co2e(use_case, document):
    result = run(use_case, document)
    assert result["evidence_class"] == "N"
    assert result["gross_kgco2e"] is result["net_kgco2e"] is None
    assert result["details"]
    assert "footprint_not_counted" in {row["code"] for row in result["disqualifications"]}


@pytest.mark.parametrize(
    ("use_case", "document", "where"),
    [
        ("remote_health", HEALTH | {"mode_share": {"car_diesel": 0.5}}, "adds up to 0.5"),
        ("remote_assistance", CASES | {"resolved": 10}, "resolved is 10"),
        ("industry", WORKSHOP | {"reporting_output": []}, "at least one product"),
        ("industry", WORKSHOP | {"material_saved_kg": CASES["km_per_visit"]}, "its factor"),
        ("data_centre", ROOM | {"baseline_total_kwh": [1.0] * 10}, "below IT energy"),
        ("climate_event", FLOOD | {"outcome": []}, "one each"),
    ],
)
def test_what_an_estimator_refuses_is_an_input_error(use_case, document, where):
    with pytest.raises(InputError, match=where):
        run(use_case, document)


def test_soil_by_hand():  # C4
    result = run("soil", SOIL | {"area_ha": 10, "yield_before": 8, "yield_after": 7})
    assert result["n2o_co2e_kg"]["central"] == pytest.approx(829.69, abs=5e-3)
    assert result["co2e_kg_per_ha"]["central"] == pytest.approx(118.97, abs=5e-3)
    codes = {record["code"] for record in result["disqualifications"]}
    assert codes == {"yield_lost", "no_paired_design"}


def test_spot_speeds_answer_without_co2e():
    result = run("traffic", TRAFFIC | {"speed_source": "spot"})
    assert result["evidence_class"] == "N"
    assert result["net"] is result["co2e_kg"] is None


def test_two_detectors_probes_and_bins_give_the_same_road():
    bins = run("traffic", TRAFFIC)
    probes = [{"class": "car_petrol", "travel_time_s": [180.0] * 4, "vehicles": 100}]
    passed = {"class": "car_petrol", "upstream_s": [0, 60], "downstream_s": [144, 204]}
    linked = run("traffic", {
        "length_km": 1, "before_links": probes, "after_links": [passed | {"vehicles": 100}],
    })  # fmt: skip
    assert linked["net"] == pytest.approx(bins["net"])


def test_a_parallel_street_is_counted_on_the_days_of_the_road():
    lane = {"length_km": 1, "before": [BIN | {"vehicles": 10}], "after": [BIN | {"vehicles": 80}],
            "before_days": 1, "after_days": 2}  # fmt: skip
    shifted = {"length_km": 1, "before": [BIN], "after": [BIN | {"vehicles": 70}]}
    result = run("traffic", shifted | {"parallel": [lane]})
    assert result["net"]["central"] == pytest.approx(0, abs=1e-9)  # 100 + 10 = 70 + 80 / 2
    assert "no_screenline" not in {row["code"] for row in result["disqualifications"]}


def test_what_the_document_gives_replaces_the_board():
    board = run("footprint", {"board": "esp32_generic"})
    longer = run("footprint", {"board": "esp32_generic", "lifetime_years": 10})
    made = [r["truncation_1"]["stages"]["manufacture"]["central"] for r in (board, longer)]
    assert made[0] == pytest.approx(2 * made[1])
    assert board["embodied_kgco2e"]["central"] == pytest.approx(2.31, rel=0.005)


def test_the_footprint_is_subtracted_from_the_meter():
    bare = run("smart_meter", METER)
    own = run("smart_meter", METER | {"footprint": {"board": "unix"}})
    gap = bare["net_kgco2e"]["central"] - own["net_kgco2e"]["central"]
    assert gap == pytest.approx(own["footprint_kgco2e"]["central"])
    assert "footprint_not_counted" in {r["code"] for r in bare["disqualifications"]}


@pytest.mark.parametrize(
    ("use_case", "document", "message"),
    [
        ("soil", SOIL | {"nitrogen_kg": -1}, r"\$\.nitrogen_kg: Expected `float` >= 0"),
        ("soil", SOIL | {"fertiliser": "guano"}, r"\$\.fertiliser: Invalid enum value 'guano'"),
        ("soil", SOIL | {"nitrogen": 1}, "unknown field `nitrogen`"),
        ("soil", {"nitrogen_kg": 1}, "missing required field `fertiliser`"),
        ("traffic", TRAFFIC | {"after": []}, r"\$\.after: give speed bins, or travel times"),
        (
            "traffic",
            TRAFFIC
            | {"after_links": [{"class": "bus", "upstream_s": [1], "downstream_s": [2, 3]}]},
            r"\$\.after_links\[0\]: 1 passages upstream and 2 downstream",
        ),
        (
            "traffic",
            TRAFFIC | {"after_links": [{"class": "bus"}]},
            r"\$\.after_links\[0\]: give either travel_time_s, or upstream_s",
        ),
        (
            "traffic",
            TRAFFIC | {"before": [BIN | {"speed_kmh": 0}]},
            r"\$\.before\[0\]\.speed_kmh: Expected `float` > 0",
        ),
        ("footprint", {"board": "esp99"}, r"\$\.board: unknown board 'esp99', allowed: esp32"),
        ("footprint", {"lifetime_years": 5}, "give a board, or blocks and lifetime_years"),
        ("footprint", BLOCKS | {"blocks": {"pbc": 1}}, r"\$\.blocks\.pbc: unknown block"),
        ("footprint", BLOCKS | {"gateway": {"board": "x"}}, r"\$\.gateway\.board: unknown"),
        ("smart_meter", METER | {"baseline_degc": [1.0]}, r"\$\.baseline_degc: has 1 values"),
        (
            "smart_meter",
            METER | {"comparison_ratio": {"low": 2, "central": 1, "high": 3}},
            r"\$\.comparison_ratio: low <= central <= high",
        ),
    ],
)
def test_a_wrong_document_is_refused_by_key(use_case, document, message):
    with pytest.raises(InputError, match=f"in.json: .*{message}"):
        run(use_case, document)


def test_text_that_is_not_json_is_refused():
    with pytest.raises(InputError, match=r"in\.json: not JSON"):
        answer("soil", b"{", FACTORS, "in.json")
