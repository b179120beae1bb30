"""What gateway and worker agree on about webhooks: who may be called, and how calls are signed."""
