# Everything that one does with a checkout.  On a fresh Debian or Ubuntu, as root, `make lab` and `make test`
# install what they need: Debian packages once, and havip into .venv whenever pyproject.toml has changed.

PYTHON ?= python3
export PYTHON

RUN := .venv/bin/python
ARGS ?=
# Tests mostly wait: several processes run them side by side, as many as this.  PROCESSES=0: one after the other.
PROCESSES ?= 2

# What each of them needs: Debian packages, and extras of pyproject.toml.
lab_packages := python3 python3-venv ca-certificates iproute2
lvs_packages := $(lab_packages) user-mode-linux kmod ipvsadm gcc libc6-dev    # a kernel that has IPVS
bench_packages := $(lvs_packages) keepalived
test_packages := $(bench_packages) frr nftables nginx openssl tcpdump tshark systemd shellcheck
test_packages += gcc libsystemd-dev pkg-config python3-dev    # systemd-python has no wheel
test_packages += dnsmasq-base mariadb-server-core postgresql redis-server    # whom health checks probe
test_packages += debootstrap                                  # for the tests that boot a machine
test_packages += snmpd snmp snmptrapd                         # an agent of the tests' own; the services stay off
test_extras := test,dev,systemd

.DEFAULT_GOAL := help
.PHONY: help lab test check fuzz soak bench clean root

help:
	@echo "make lab             two routers, a client, every failover, as a live timeline (root)"
	@echo "make lab HOLD=1      the same, left running to look around; Ctrl-C ends it"
	@echo "make lab LVS=1       two load balancers, two web servers and a client, through every failure (root)"
	@echo "make test            ruff, mypy and the whole test suite (root)"
	@echo "make check           ruff and mypy alone"
	@echo "make bench           side by side with keepalived (root); ARGS=--quick for a short one"
	@echo "make fuzz            random packets, files and answers of servers, a minute each; ARGS='--seconds 3600'"
	@echo "make soak            simulated LANs with new seeds for a minute; the same ARGS"
	@echo "make clean           remove what these made, .venv included"

lab: root .make/$(if $(filter-out 0 no,$(LVS)),lvs,lab)
	$(RUN) -m lab$(if $(filter-out 0 no,$(LVS)),.lvs) $(ARGS)

test: root check
	$(RUN) -m pytest -n $(PROCESSES) $(ARGS)

check: .make/test
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy

bench: root .make/bench
	$(RUN) -m bench $(ARGS)

fuzz: .make/test
	$(RUN) tests/fuzz/fuzz_packet.py $(ARGS)
	$(RUN) -m tests.fuzz.fuzz_configurations $(ARGS)
	$(RUN) -m tests.fuzz.fuzz_answers $(ARGS)
	$(RUN) -m tests.fuzz.fuzz_keepalived $(ARGS)

soak: .make/test
	$(RUN) -m tests.sim.soak $(ARGS)

clean:
	rm -rf .venv .make .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist lab/out bench/out
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

root:
	@[ "$$(id -u)" = 0 ] || { echo "havip: needs root for network namespaces: sudo make $(MAKECMDGOALS)" >&2; exit 1; }

# One stamp for each set of packages and extras.
.make/lab .make/lvs .make/bench .make/test: pyproject.toml Makefile .ci/apt .ci/venv
	@.ci/apt $($(@F)_packages)
	@.ci/venv $($(@F)_extras)
	@mkdir -p .make && touch $@
