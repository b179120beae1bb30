"""Dead letters and campaigns as operators see them."""

from services.gateway.dead_letters.campaigns import Outlook
from services.gateway.render import Renderer
from services.gateway.times import maybe_rfc3339, rfc3339
from shared.contracts.dead_letters import Campaign, LetterFilter

View = dict[str, object]


def campaign_view(campaign: Campaign, *, renderer: Renderer) -> View:
    """Return a campaign; `counts` move while it runs."""
    own = f"{renderer.base_url}/v1/dead-letters/campaigns/{campaign.id}"
    return {
        "id": campaign.id,
        "action": campaign.action.value,
        "state": campaign.state.value,
        "filter": None if campaign.by_ids else filter_view(campaign.filter),
        "rate_per_second": campaign.rate,
        "limit": campaign.limit,
        "reason": campaign.reason,
        "created_by": campaign.by,
        "created_at": rfc3339(campaign.created_at),
        "finished_at": maybe_rfc3339(campaign.finished_at),
        "counts": {
            "matched": campaign.matched,
            "done": campaign.done,
            "failed": campaign.failed,
            "skipped": campaign.skipped,
        },
        "links": {"self": own, "abort": f"{own}/abort"},
    }


def filter_view(wanted: LetterFilter) -> View:
    """Return a filter as it is asked for."""
    ages = {"older_than_seconds": wanted.older_than, "newer_than_seconds": wanted.newer_than}
    return {
        "type": wanted.type,
        "reason": wanted.reason.value if wanted.reason else None,
        "error_code": wanted.error_code,
        **{name: None if ms is None else ms / 1000 for name, ms in ages.items()},
    }


def outlook_view(outlook: Outlook, *, renderer: Renderer) -> View:
    """Return what a campaign would touch."""
    return {
        "dry_run": True,
        "matched": outlook.matched,
        "exact": outlook.exact,
        "sample": [renderer.job(job, operator=True) for job in outlook.sample],
    }
