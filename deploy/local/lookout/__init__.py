"""Who watches the house: Prometheus, Alertmanager and a Redis exporter, as private processes."""
