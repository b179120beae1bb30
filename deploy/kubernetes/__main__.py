"""`python -m deploy.kubernetes`: writes components/monitoring/ anew from deploy/observability.

`make verify` and tests/architecture/test_manifests_are_fresh.py fail when it was forgotten.
"""

from deploy.kubernetes.rules import documents


def main() -> None:
    """Write every document."""
    for file, text in documents().items():
        file.write_text(text)


if __name__ == "__main__":
    main()
