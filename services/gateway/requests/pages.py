"""How long a page of any list is."""

from typing import Final

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
