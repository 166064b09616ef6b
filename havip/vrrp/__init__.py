"""VRRP: the adverts, the election, the addresses."""
