"""Our own job types: every module here is loaded by every worker."""
