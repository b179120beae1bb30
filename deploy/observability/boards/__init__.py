"""Grafana's dashboards as plain data; `python -m deploy.observability.boards` writes the JSON."""
