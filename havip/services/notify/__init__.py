"""Notifications, one file a channel: scripts, FIFOs, mail and webhooks."""
