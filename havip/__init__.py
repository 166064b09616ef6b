"""havip: virtual addresses that survive the death of a router."""

__version__ = "0.1.0"
