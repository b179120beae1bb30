"""HTTP in, message out; never runs a job."""
