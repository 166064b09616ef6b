"""havip beside keepalived: takeover, cost and memory, measured in one run on one machine.

Nothing here is imported by the daemon.  `bench.daemons` and `bench.wire` also carry the interop tests.
"""
