"""The OpenAPI document is true: schemathesis makes requests of it, valid and not, and none brings the server down.

`make fuzz-api` makes 2,000 of them; OMNIAGENT_API_CASES sets another number.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.faces import HOLDS
from tests.support.http_server import ALICE, serving
from tests.support.scripted_runs import by_picture, scripted_agent

CASES = int(os.environ.get("OMNIAGENT_API_CASES", "40"))
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.mark.slow
def test_requests_made_of_the_document_are_answered_as_it_says_and_none_with_a_failure(tmp_path: Path):
    agent = scripted_agent(tmp_path / "runs", by_picture(HOLDS))
    with serving(agent, requests_per_minute=0, queue=1000, runs_per_key=1000) as served:
        # Few cases are random ones; many begin with every corner of every parameter.
        phases = "fuzzing" if CASES < 1000 else "coverage,fuzzing"
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("schemathesis")),
                "run",
                f"{served.url}/openapi.json",
                *("--header", f"Authorization: Bearer {ALICE}"),
                *("--phases", phases, "--checks", CHECKS, "--seed", "1", "--request-timeout", "120"),
                *("--max-examples", str(max(2, CASES // 10)), "--continue-on-failure", "--no-color"),
                *("--suppress-health-check", "all"),
            ],
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
    print(done.stdout[done.stdout.find("= SUMMARY ") :])
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    made = re.search(r"([\d,]+) generated", done.stdout)
    assert made and int(made[1].replace(",", "")) >= CASES


def test_the_document_names_every_endpoint_what_it_takes_and_how_it_refuses(tmp_path: Path):
    with serving(scripted_agent(tmp_path, by_picture(HOLDS))) as served:
        document: dict[str, Any] = served.http(None).get("/openapi.json").json()
    paths = document["paths"]
    assert set(paths) >= {
        "/v1/images/generations",
        "/v1/images/edits",
        "/v1/runs",
        "/v1/runs/{run_id}",
        "/v1/runs/{run_id}/events",
        "/v1/runs/{run_id}/cancel",
        "/v1/runs/{run_id}/fork",
        "/v1/models",
        "/healthz",
        "/readyz",
        "/metrics",
    }
    for path, item in paths.items():
        for operation in item.values():
            assert operation["description"], path
            assert "422" not in operation["responses"]
            assert ("security" in operation) == (path.startswith("/v1/") and not path.startswith("/v1/links/"))
    edits = paths["/v1/images/edits"]["post"]["requestBody"]["content"]
    assert set(edits) == {"multipart/form-data", "application/json"}
    assert {"image", "image[]", "mask", "prompt", "seed"} <= set(edits["multipart/form-data"]["schema"]["properties"])
