"""What clients are told about webhooks: whether a URL may be theirs, and their signing secret."""

import msgspec

from services.gateway.refusals import WebhooksOff
from services.gateway.requests.fields import Broken
from shared.contracts.webhooks.signatures import tenant_secrets
from shared.contracts.webhooks.targets import TargetRefused, TargetRules
from shared.runtime.settings import WebhookSettings


class WebhookSecret(msgspec.Struct, frozen=True):
    """What receivers verify with: `secret`, and `previous` while a rotation lasts."""

    secret: str
    previous: tuple[str, ...]


class WebhookDesk:
    """Knows the rules of the house and its secrets."""

    def __init__(self, settings: WebhookSettings) -> None:
        """Keep both."""
        self._rules: TargetRules = settings.target_rules
        self._house = settings.house_secrets

    @property
    def works(self) -> bool:
        """Whether webhooks can be signed, and so sent."""
        return bool(self._house)

    def secret(self, tenant: str) -> WebhookSecret:
        """Return the signing secrets of a tenant.

        Raises:
            WebhooksOff: the house has none.
        """
        newest, *older = tenant_secrets(self._house, tenant) or (None,)
        if newest is None:
            raise WebhooksOff
        return WebhookSecret(secret=newest, previous=tuple(one for one in older if one))

    def a_url(self, value: object) -> str:
        """Demand a URL that webhooks may be sent to, as far as that shows without the DNS."""
        if not isinstance(value, str):
            raise Broken("This must be an https URL.")
        if not self.works:
            raise Broken(f"No webhook can be sent. {WebhooksOff().detail}")
        try:
            self._rules.check(value)
        except TargetRefused as refused:
            raise Broken(refused.detail) from refused
        return value
