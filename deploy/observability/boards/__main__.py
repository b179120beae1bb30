"""`python -m deploy.observability.boards`: writes deploy/observability/dashboards/*.json.

`make verify` and tests/architecture/test_boards_are_sound.py fail when it was forgotten.
"""

from deploy.observability.boards.written import FOLDER, documents

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file, text in documents().items():
        file.write_text(text)
