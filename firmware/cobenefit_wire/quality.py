"""Quality codes: one byte beside a reading that says why it can't be trusted.

The node writes codes below 64, the gateway the rest. A flagged reading travels, is counted
under its reason and never enters a statistic. Code 0 is good.
"""

GOOD = 0
CHECKSUM = 1
TIMEOUT = 2
RANGE = 3
NOT_FINITE = 4
PROTOCOL = 5
COUNTER_BACK = 64
TIME_BEFORE = 65
TIME_FUTURE = 66
TIME_UNKNOWN = 67
OUT_OF_ORDER = 68
RATE = 69
STUCK = 70
OUTLIER = 71

NAMES = {
    GOOD: "good",
    CHECKSUM: "checksum",
    TIMEOUT: "timeout",
    RANGE: "out_of_range",
    NOT_FINITE: "not_finite",
    PROTOCOL: "protocol_error",
    COUNTER_BACK: "counter_went_back",
    TIME_BEFORE: "time_before_earliest",
    TIME_FUTURE: "time_in_future",
    TIME_UNKNOWN: "time_unknown",
    OUT_OF_ORDER: "out_of_order",
    RATE: "too_fast",
    STUCK: "stuck",
    OUTLIER: "outlier",
}
