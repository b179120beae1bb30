"""The stream as server-sent events: the same frames over plain HTTP, one job or feed a request."""
