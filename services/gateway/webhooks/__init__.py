"""Webhooks as the gateway sees them: which URLs it takes, what is sent, and with which secret."""
