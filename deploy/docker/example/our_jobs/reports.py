"""Reports: one typed function is one job type."""

from services.worker import job, track


@job("our.report", retries=3, time_limit="10m")
def report(pages: int = 3) -> str:
    """Write a report, page by page."""
    written = [f"page {page + 1}" for page in track(range(pages), "writing")]
    return ", ".join(written)
