"""What operators did: noted when it is done, kept in the store, read at /v1/audit."""
