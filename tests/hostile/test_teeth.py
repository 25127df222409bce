"""The tests bite: with one defence taken away, the test that stands for it fails, and not only by chance."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.hostile.costs import FACTOR, is_linear
from tests.hostile.weakened import VARIANTS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120
REQUESTS = "tests/hostile/test_requests.py"
AUTHORITY = "tests/hostile/test_authority.py"

# Which tests must fail without the defence.
BITES = {
    "A3": f"{REQUESTS}::test_A3_no_refused_request_has_an_effect[A4 no digest]",
    "A5": f"{REQUESTS}::test_A3_no_refused_request_has_an_effect[A5 content-digest signed, digest added]",
    "A9": f"{REQUESTS}::test_A9_a_key_document_that_names_somebody_else_as_its_owner",
    "A10": f"{REQUESTS}::test_A10_nobody_signs_for_another_actor[the same host]",
    "B2": f"{AUTHORITY}::test_B1_B2_nobody_touches_what_is_anothers[a neighbour on the same server-its id]",
    "B5": "tests/hostile/test_impostors.py::test_B5_two_authors_are_none",
    "C1": "tests/federation/test_egress.py::test_C1_no_spelling_of_a_closed_address_is_connected_to[127.0.0.1]",
    "D3": "tests/hostile/test_documents.py::test_D3_no_field_takes_what_no_database_stores[NUL]",
    "E10": "tests/hostile/test_pictures.py::test_E10_what_is_served_is_a_picture_and_nothing_else",
    "H2": "tests/hostile/test_pictures.py::test_H2_a_private_picture_is_for_members_and_their_servers",
    "H6": "tests/hostile/test_visibility.py::test_H6_what_nobody_may_read_is_read_nowhere[thread-held]",
    "seen-first": "tests/hostile/test_races.py::test_seen_is_written_with_the_effect_or_not_at_all",
}


def test_each_variant_has_its_test() -> None:
    assert set(BITES) == set(VARIANTS)


@pytest.mark.parametrize("variant", BITES)
def test_without_a_defence_its_test_fails(variant: str, tmp_path: Path) -> None:
    """Fails as a test fails: an error while collecting or in a fixture would prove nothing."""
    report = tmp_path / "report.xml"
    weakened = ["-p", "tests.hostile.weakened", f"--weakened={variant}"]
    child = subprocess.run(
        [sys.executable, "-m", "pytest", *weakened, f"--junitxml={report}", "-p", "no:cacheprovider", BITES[variant]],
        cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    assert child.returncode == pytest.ExitCode.TESTS_FAILED, child.stdout[-3000:] + child.stderr[-1000:]
    (case,) = ElementTree.parse(report).iter("testcase")
    assert case.get("name") == BITES[variant].partition("::")[2]
    (failed,) = [part for part in case if part.tag in ("failure", "error")]
    assert failed.tag == "failure", child.stdout[-3000:]
    # The fault must be seen by the test, not be one of the weakening's own making.
    assert "weakened.py:" not in (failed.text or "")[-300:], failed.text


def test_the_measure_of_costs_knows_a_square() -> None:
    assert not is_linear(lambda n: sum(1 for _ in range(n) for _ in range(n)), 600, 600 * FACTOR)
    assert is_linear(lambda n: sum(1 for _ in range(n)), 1_000_000, 1_000_000 * FACTOR)
