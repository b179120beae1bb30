"""`./waymark`, from wherever it is called."""

import subprocess
from pathlib import Path

REPO = Path(__file__).resolve().parents[4]


def test_a_folder_of_the_same_name_where_the_user_stands_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "clients").mkdir()
    (tmp_path / "clients" / "__init__.py").write_text("raise SystemExit('a stranger')")

    done = subprocess.run(
        [REPO / "waymark", "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "Submit long jobs and watch them" in done.stdout
