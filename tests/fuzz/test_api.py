"""The API keeps to its own OpenAPI document, whatever schemathesis makes of that, in all of its phases."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest
from prometheus_client.registry import REGISTRY

from labelwright.runtime.stage import Stage
from tests.fuzz.conftest import all_ended
from tests.installation import PROJECT, Installation, event

pytestmark = [pytest.mark.server, pytest.mark.anyio]

SECONDS = int(os.environ.get("FUZZ_API_SECONDS", "60"))
CHECKS = """
[checks]
positive_data_acceptance.enabled = false
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 409, 413, 415, 422]

[[operations]]
include-name = "POST /v1/feedback"
checks.negative_data_rejection.enabled = false

[[operations]]
include-name = "POST /api/public/scores"
checks.negative_data_rejection.enabled = false

[[operations]]
include-name = "POST /api/public/ingestion"
checks.negative_data_rejection.enabled = false
"""
"""All checks, but for two. That a value fits its kind, that names fit together and that the guideline has a label can't
be said in JSON schema, so a 422 for what fits the schema is right; and of a batch the bad events are rejected one by
one, while 202 is said of the others."""

RUNS = {"as it comes": "", "within a project": f'[parameters]\n"path.project" = "{PROJECT}"\n'}
"""The second run knows the key's project, so that it gets past the door."""


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("run", RUNS)
async def test_schemathesis_finds_no_fault(
    installation: Installation, stages: list[Stage], tmp_path: Path, run: str
) -> None:
    key = await installation.access.mint_key(
        PROJECT, ["owner"], annotator="fuzz", sources=["crowd", "expert"], skills=["german"]
    )
    publisher = await installation.caller("publisher")
    await publisher.publish(*(event(id=f"e{n}", comment=f"number {n} of them is wrong") for n in range(300)))
    config = tmp_path / "schemathesis.toml"
    config.write_text(RUNS[run] + CHECKS)
    before = _faults()

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()",
        "--config-file", str(config), "run", f"{installation.url}/openapi.json",
        "--header", f"Authorization: Bearer {key}",
        "--max-time", str(SECONDS // len(RUNS)), "--max-examples", "50", "--workers", "1", "--request-timeout", "40",
        "--continue-on-failure", "--no-color",
        cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()

    text = said.decode(errors="replace")
    assert process.returncode == 0, text[-8_000:]
    generated = re.search(r"(\d+) generated", text)
    assert generated, text[-2_000:]
    assert int(generated[1]) > 5 * SECONDS
    assert _faults() == before
    await all_ended(installation.server, stages, within_s=60)
    assert await installation.server.client.xlen("{p0}:dead") == 0


def _faults() -> float:
    """How many requests were answered 500 so far."""
    samples = (sample for metric in REGISTRY.collect() for sample in metric.samples)
    return sum(
        sample.value
        for sample in samples
        if sample.name == "labelwright_http_requests_total" and sample.labels["status"] == "500"
    )
