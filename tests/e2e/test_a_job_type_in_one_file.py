"""What the README tells a newcomer: one file, one setting, one curl."""

from pathlib import Path

from deploy.local.house import House, Ports
from tests.e2e.conftest import clean_env
from tests.e2e.outside import Gateway, Watcher, flaws_of

NEW_TYPE = '''
from services.worker import Fail, job, track


@job("greetings.write", retries=2, time_limit="1m")
def write(names: list[str], word: str = "Hello") -> list[str]:
    """Greet everybody by name."""
    if not names:
        raise Fail("nobody to greet", code="nobody")
    return [f"{word}, {name}!" for name in track(names, "greeting")]
'''


async def test_a_type_written_in_one_file_is_validated_run_watched_and_listed(
    nodes_folder: Path,
) -> None:
    folder = nodes_folder / "newcomer"
    folder.mkdir()
    (folder / "greetings.py").write_text(NEW_TYPE)
    env = clean_env({"WAYMARK_JOBS": "greetings", "PYTHONPATH": str(folder)})
    house = House(folder / "house", env=env, ports=Ports.free())
    try:
        house.start()
        gateway = Gateway(house.url, house.keys.tenant)
        async with gateway.client() as http:
            body = {"type": "greetings.write", "payload": {"names": ["Ada", "Grace"]}}
            accepted = await gateway.submit(http, body, key="one")
            watcher = Watcher(
                accepted["access"]["stream_url"], accepted["access"]["token"], [accepted["id"]]
            )
            await watcher.run(within=20)
            ended = await gateway.read(http, accepted["id"])
            empty = {"type": "greetings.write", "payload": {"names": []}}
            refused = await gateway.submit(http, empty, key="two")
            failed = (await gateway.settle(http, [refused["id"]], within=20))[refused["id"]]
            wrong = await http.post("/v1/jobs", json={**body, "payload": {"names": [7]}})
            types = (await http.get("/v1/types/greetings.write")).json()
    finally:
        house.kill()

    assert ended["state"] == "succeeded"
    assert ended["result"] == ["Hello, Ada!", "Hello, Grace!"]
    assert flaws_of(watcher.seen[accepted["id"]]) == []
    assert failed["state"] == "failed"
    assert failed["error"]["code"] == "nobody"
    assert failed["error"]["message"] == "nobody to greet"
    assert failed["dead_letter"]["reason"] == "not_retryable"
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["pointer"].endswith("/payload/names/0")
    assert "Greet everybody" in str(types)
