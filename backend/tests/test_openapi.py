"""The server does what its OpenAPI document says, and refuses what it forbids: schemathesis."""

import subprocess
import sys

import pytest

#: What no schema can say, and we refuse: hashes, columns of one length, names that exist.
BEYOND_A_SCHEMA = "positive_data_acceptance"


@pytest.mark.timeout(900)
def test_schemathesis_finds_no_contradiction(served, municipality, tmp_path, request):
    whole = ["--max-examples", "15"]
    quick = ["--max-examples", "4", "--phases", "fuzzing"]
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{served}/v1/openapi.json",
        "--header", f"Authorization: {municipality.headers['Authorization']}",
        "--exclude-checks", BEYOND_A_SCHEMA, "--seed", "1", "--no-color", "--continue-on-failure",
        *(whole if request.config.getoption("--long") else quick),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_document_says_how_to_sign_in_and_defines_what_it_names(client):
    document = client.get("/v1/openapi.json").json()
    assert set(document["components"]["securitySchemes"]) == {"key", "session"}
    assert "HealthBody" in document["components"]["schemas"]
    assert "$defs" not in str(document)


def test_a_wrong_method_is_told_the_right_ones(client):
    answer = client.request("PUT", "/v1/credentials")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
