"""Whether the relay's clock and this machine's agree."""

from doctor.report import Finding, fine, wrong

# Clocks that are set over the network differ by milliseconds.
SKEW_SECONDS = 5.0

CLOCK = "clock"


def check_clock(theirs: float, before: float, after: float) -> Finding:
    """`theirs` is the relay's time. The others are this machine's, around the request."""
    skew = max(before - theirs, theirs - after, 0.0)
    if skew > SKEW_SECONDS:
        return wrong(
            CLOCK,
            f"The relay's clock and this machine's differ by {skew:.0f} s. Hosts that share a "
            "Redis take each other's workers for dead, and answers for older than they are.",
            "Set the wrong one of the two over the network, for example with systemd-timesyncd.",
        )
    return fine(CLOCK, "The relay's clock and this machine's agree.")
