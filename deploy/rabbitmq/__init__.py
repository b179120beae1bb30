"""RabbitMQ as a deployment runs it: its configuration, what it must hold, and who may do what."""
