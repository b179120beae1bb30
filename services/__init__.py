"""Three processes: the gateway, the worker and the notifier; none imports another."""
