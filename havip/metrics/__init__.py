"""Metrics for Prometheus: what there is, where each value comes from, and how it is served."""
