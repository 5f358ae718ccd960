"""Limits that no benchmark and no other test reaches. They are set, so that they are at work."""

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
