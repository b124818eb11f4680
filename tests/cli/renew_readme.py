"""`python -m tests.cli.renew_readme` puts what the tool prints now into the README; a test compares the two."""

import contextlib
import io
import re
import shlex

from quirkfinder.cli.main import main
from tests.conftest import REPOSITORY

REPORT = re.compile(r"(<!-- report: (.*?) -->\n```\n)(.*?)(```\n)", re.DOTALL)
_SHOWN = "  [2] "  # the report is shown up to its second finding


def printed(command: str) -> str:
    """What a command line prints on stdout, run in the repository's root."""
    out = io.StringIO()
    with contextlib.chdir(REPOSITORY), contextlib.redirect_stdout(out):
        main(shlex.split(command))
    return out.getvalue()


def renewed(text: str) -> str:
    """The README with the beginning of the real report in it."""
    return REPORT.sub(lambda found: found[1] + printed(found[2]).split(_SHOWN)[0].rstrip("\n") + "\n" + found[4], text)


if __name__ == "__main__":
    readme = REPOSITORY / "README.md"
    readme.write_text(renewed(readme.read_text(encoding="utf-8")), encoding="utf-8")
