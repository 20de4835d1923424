import pytest

from cobenefit_hil.demo.verdicts import verdicts


def report(ratio=0.086, fsu=0.34, significant=0, dates=713, net=(-48.8, 71.6)):
    summary = {"significant": significant, "dates": dates}
    return {
        "use_cases": [
            {"study": "meter-truth", "details": {"savings_ratio": ratio, "fsu_90": fsu}},
            {
                "study": "house-placebo",
                "details": {"placebo": {"summary": summary}},
                "net_kgco2e": {"low": net[0], "central": 0.0, "high": net[1]},
            },
        ]
    }


def test_truth_found_and_nothing_claimed():
    assert [verdict.good for verdict in verdicts(report())] == [True, True]


@pytest.mark.parametrize("wrong", [{"ratio": 0.02}, {"fsu": 1.2}, {"ratio": -0.1}])
def test_a_missed_truth_shows(wrong):
    assert not verdicts(report(**wrong))[0].good


@pytest.mark.parametrize("wrong", [{"significant": 1}, {"dates": 0}, {"net": (1.0, 2.0)}])
def test_a_placebo_claim_shows(wrong):
    assert not verdicts(report(**wrong))[1].good
