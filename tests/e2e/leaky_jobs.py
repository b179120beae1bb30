"""A job type that hands on what it was given by every way there is.

The house's worker loads it.
"""

from services.worker import Fail, Retry, current, job


@job("leaky.echo", retries=1, min_backoff="100ms", max_backoff="100ms")
def echo(secret: str, how: str) -> str:
    me = current()
    me.progress(1, 2, secret)
    me.checkpoint({"kept": secret})
    if how == "raise":
        raise ValueError(secret)
    if how == "fail":
        raise Fail(secret, code="leaky", details={"told": secret})
    if how == "retry" and me.attempt == 1:
        raise Retry(secret, after=0.1)
    return secret
