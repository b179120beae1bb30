"""How the house is watched: Prometheus reads rules and alerts, Grafana the dashboards."""
