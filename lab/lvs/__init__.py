"""Two directors, their servers and a client: the load balancer with real traffic, on a kernel with IPVS.

One topology for the demonstration (``python -m lab.lvs``), for tests/uml and for the bench.  `plan` says
who is who, `farm` builds it, `servers` and `visitor` are the two ends of the traffic, `tables` asks
ipvsadm, which knows nothing of havip.  Runs inside User-Mode Linux (`lab.uml`) where this machine's kernel
has no IPVS.
"""
