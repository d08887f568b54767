"""How sure a share is."""

from __future__ import annotations

import math

Z95 = 1.959963984540054  # two-sided 95 %


def wilson(successes: int, trials: int, z: float = Z95) -> tuple[float, float]:
    """Lower and upper bound of a proportion (Wilson, JASA 22, 1927); (0, 1) for no trials.

    Raises ValueError unless 0 <= successes <= trials.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} of {trials} is not a share")
    if not trials:
        return 0.0, 1.0
    share = successes / trials
    scale = 1.0 + z * z / trials
    middle = share + z * z / (2 * trials)
    spread = z * math.sqrt(share * (1.0 - share) / trials + z * z / (4 * trials * trials))
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def wilson_lower(successes: int, trials: int) -> float:
    """The lower 95 % bound of a share."""
    return wilson(successes, trials)[0]
