"""Skew_Time and Master_Down_Interval: the two formulae, and nothing else.

Both are computed exactly, in nanoseconds.  Implementations that keep whole centiseconds round the skew
down, so at short intervals backups of different priority share one deadline and all take over at once.
"""

from __future__ import annotations

from havip.clock import Duration, seconds

ONE_SECOND = seconds(1)


def skew(version: int, priority: int, master_interval: Duration) -> Duration:
    """Return Skew_Time: the head start that a better backup has over a worse one.

    VRRPv3: ``(256 - priority) * Active_Adver_Interval / 256`` (RFC 9568 section 6.1).
    VRRPv2: ``(256 - priority) / 256`` seconds whatever the interval (RFC 3768 section 6.1).
    """
    base = ONE_SECOND if version == 2 else master_interval
    return Duration((256 - priority) * base // 256)


def master_down(version: int, priority: int, master_interval: Duration, adverts: int = 3) -> Duration:
    """Return Master_Down_Interval: how long a silent master is believed in.

    ``adverts * master_interval + skew``; RFC 9568 section 6.1 fixes ``adverts`` at 3.
    """
    return Duration(adverts * master_interval + skew(version, priority, master_interval))
