"""Limits that no run reaches. They are set, so that what they cost is measured."""

HIGH = dict.fromkeys(
    (
        "QUESTIONS_PER_MINUTE",
        "QUESTIONS_PER_DAY",
        "MAX_STREAMS_PER_CLIENT",
        "MAX_STREAMS",
        "DAILY_TOKENS_PER_CLIENT",
        "DAILY_TOKENS",
    ),
    "1000000000",
)
