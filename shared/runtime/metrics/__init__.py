"""What several services tell of the same; the rest is named in each service's own `metrics.py`."""
