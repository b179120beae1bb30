"""Deeds: the ports of `shared.ports`, kept by Redis and RabbitMQ. Only `wiring.py` builds them."""
