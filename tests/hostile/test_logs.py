"""D10: nobody writes a line of their own into our log, nor moves the cursor of whoever reads it."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SPEAK = """
import logging, warnings
import structlog
from server import logs
logs.configure()
evil = "\\x1b[2J\\r\\x9b31m\\x85\\u2028\\u202eabc\\n{forged}"
log = structlog.get_logger("ours")
log.info("look-up failed", error=evil)
log.warning(evil, host="evil.test")
logging.getLogger("theirs").warning("said %s", evil)
warnings.warn(evil)
try:
    raise ValueError(evil)
except ValueError as error:
    log.error("failed", exc_info=error)
"""
FORGED = "timestamp=2026-01-01T00:00:00Z level=error event=forged"


def test_no_value_of_others_steers_a_terminal_or_forges_a_line() -> None:
    program = SPEAK.replace("{forged}", FORGED)
    said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True, timeout=60).stderr
    lines = said.decode().split("\n")
    assert lines.pop() == ""
    assert len(lines) == 5
    for line in lines:
        assert line.isprintable(), ascii(line)
        assert re.match(r"timestamp=\S+ level=\w+ event=", line)
        assert not line.startswith(FORGED)
        assert "abc" in line
