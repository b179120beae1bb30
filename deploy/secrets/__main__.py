"""`python3 -m deploy.secrets`: make the secrets of a deployment; again: only what is missing.

It prints no secret. docs/deploying.md says what each file is for and how to renew one.
"""

import argparse
import sys
from pathlib import Path

from deploy.secrets.files import Places, files, write
from deploy.secrets.made import NothingToRenewError, make

USUAL_PLACES = Places()


def main() -> int:
    """Make them; return the exit status."""
    parser = argparse.ArgumentParser(prog="python3 -m deploy.secrets", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("deploy/.secrets"))
    parser.add_argument("--tenant", default=USUAL_PLACES.tenant, help="whose the first key is")
    parser.add_argument("--rabbitmq", default=USUAL_PLACES.rabbitmq, help="host:port of RabbitMQ")
    parser.add_argument("--redis", default=USUAL_PLACES.redis, help="host:port of Redis")
    parser.add_argument(
        "--renew", action="append", default=[], metavar="NAME", help="one of house.json, anew"
    )
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    asked.folder.chmod(0o700)
    try:
        made = make(asked.folder, renew=tuple(asked.renew))
    except NothingToRenewError as unknown:
        sys.stderr.write(f"waymark: no secret is called {unknown}: look into house.json\n")
        return 2
    places = Places(rabbitmq=asked.rabbitmq, redis=asked.redis, tenant=asked.tenant)
    write(asked.folder, files(made, places))
    sys.stdout.write(
        f"secrets are in {asked.folder}\n"
        f"the first key of tenant {asked.tenant}: {asked.folder / 'keys' / 'first'}\n"
        f"the platform key (yours, not a team's): {asked.folder / 'keys' / 'platform'}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
