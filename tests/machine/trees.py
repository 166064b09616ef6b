"""Debian trees to install havip in: bootstrapped once, kept in a cache outside the checkout, copied for use.

Owns the cache, HAVIP_CACHE or /var/cache/havip-tests: packages, the bare tree, Python wheels.  Remove it to
begin afresh.  Takes all of it from where this machine takes its own: apt's mirror and settings, pip's index
and settings.  The tree is this machine's own release.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.machine import namespaces

CACHE = Path(os.environ.get("HAVIP_CACHE", "/var/cache/havip-tests"))
CHECKOUT = Path(__file__).resolve().parents[2]
SHIPPED = ("LICENSE", "README.md", "docs", "etc", "havip", "pyproject.toml", "systemd", "vagrant")

#: what makes a bare tree one that boots; kmod: modules of the guest's kernel
INCLUDED = ("dbus", "kmod", "systemd", "systemd-sysv")
#: the tree lives for minutes: nothing in it needs to reach the disk or to be read
DPKG_SETTINGS = """\
force-unsafe-io
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/man/*
path-exclude=/usr/share/locale/*
"""
APT_SETTINGS = 'Acquire::Languages "none";\nAPT::Keep-Downloaded-Packages "true";\n'


@contextmanager
def cache_locked() -> Iterator[None]:
    """Let one test run at a time fill the cache, or install from its packages."""
    CACHE.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def copy_of(original: Path) -> Iterator[Path]:
    """Yield a tree to do anything with; it is removed afterwards."""
    remove_abandoned()
    tree = Path(tempfile.mkdtemp(prefix=f"run-{os.getpid()}-", dir=CACHE))
    try:
        subprocess.run(["cp", "-a", "--reflink=auto", f"{original}/.", tree], check=True, timeout=300)
        yield tree
    finally:
        namespaces.remove(tree)


def remove_abandoned() -> None:
    """Remove the copies of test runs that were killed."""
    for tree in CACHE.glob("run-*"):
        if not Path("/proc", tree.name.split("-")[1]).exists():
            namespaces.remove(tree)


def bare_tree() -> Path:
    """Return the tree that is never run, bootstrapped if need be."""
    suite = platform.freedesktop_os_release()["VERSION_CODENAME"]
    return cached(f"tree-{suite}", [INCLUDED, DPKG_SETTINGS, APT_SETTINGS], lambda new: bootstrap(suite, new))


def wheels() -> Path:
    """Return a folder of what pip needs to build and to install havip."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    wanted = project["build-system"]["requires"] + project["project"]["dependencies"]
    return cached("wheels", wanted, lambda new: download_wheels(wanted, new))


def cached(name: str, recipe: object, make: Callable[[Path], None]) -> Path:
    """Return the folder for ``recipe``; what ``make`` leaves unfinished is never taken for one."""
    key = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:12]
    ready = CACHE / f"{name}-{key}"
    if not ready.exists():
        new = CACHE / f"{ready.name}.new"
        namespaces.remove(new)
        make(new)
        new.rename(ready)
    return ready


def bootstrap(suite: str, tree: Path) -> None:
    """Fill ``tree`` from the mirror that apt here takes the same release from, with apt's settings."""
    mirror = mirror_of_apt()
    packages = CACHE / "packages"
    packages.mkdir(exist_ok=True)
    proxy = output("apt-config", "--no-empty", "--format", "%v", "dump", "Acquire::http::Proxy")
    namespaces.run(
        *("debootstrap", "--variant=minbase", f"--include={','.join(INCLUDED)}", f"--cache-dir={packages}"),
        *(f"--components={','.join(components_of(mirror, suite))}", suite, tree, mirror),
        environment=os.environ | ({"http_proxy": proxy} if proxy not in ("", "DIRECT") else {}),
        patience=600,
    )
    settings = output("apt-config", "--no-empty", "--format", '%F "%v";%n', "dump", "Acquire")
    (tree / "etc/apt/apt.conf.d/90havip-tests").write_text(f"{settings}\n{APT_SETTINGS}")
    (tree / "etc/dpkg/dpkg.cfg.d/havip-tests").write_text(DPKG_SETTINGS)


def mirror_of_apt() -> str:
    """Return the archive that this machine's own base system comes from."""
    ask = ("apt-get", "download", "--print-uris", "base-files")
    found = re.match(r"'(.+)/pool/", output(*ask, check=False))
    if found is None:  # an image without package lists
        subprocess.run(["apt-get", "-q", "update"], check=True, stdin=subprocess.DEVNULL, timeout=300)
        found = re.match(r"'(.+)/pool/", output(*ask))
    if found is None:
        raise namespaces.Failed("apt knows no archive of this machine's release")
    return found[1]


def components_of(mirror: str, suite: str) -> list[str]:
    """Return what of the archive this machine uses: main, and on Ubuntu universe."""
    fields = "$(SITE) $(RELEASE) $(COMPONENT)"
    lines = output("apt-get", "indextargets", "--format", fields, "Created-By: Packages")
    rows = [line.split() for line in lines.splitlines()]
    return sorted({row[2] for row in rows if [row[0].rstrip("/"), row[1]] == [mirror, suite]})


def download_wheels(wanted: list[str], folder: Path) -> None:
    """Fill ``folder`` by this machine's pip settings; the environment of these tests may have no pip."""
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([sys.executable, "-m", "venv", scratch], check=True, timeout=120)
        subprocess.run(
            [f"{scratch}/bin/pip", "download", "--quiet", "--dest", folder, *wanted], check=True, timeout=300
        )


def copy_of_checkout(destination: Path) -> None:
    """Put what havip is installed from into ``destination``."""
    destination.mkdir()
    for name in SHIPPED:
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, destination / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, destination)


def output(*words: str, check: bool = True) -> str:
    """Return what a command on this machine says."""
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=check, timeout=60
    )
    return done.stdout.strip()
