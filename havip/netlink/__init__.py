"""Netlink without a library: the few messages that the hot paths need, as prepared bytes and small values."""
