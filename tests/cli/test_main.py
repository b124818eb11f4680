"""The command line's promises: exit statuses, what goes where, and no traceback whatever happens."""

import json
import os
import signal
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from quirkfinder import __version__
from quirkfinder.cli.main import build_parser, main
from quirkfinder.errors import InvalidDocument, NoUsableInput, PartialFailure, QuirkfinderError, UsageError
from quirkfinder.findings.document import Findings
from quirkfinder.rendering.table import table
from tests.conftest import REPOSITORY
from tests.documents import Json, example, example_findings


class FakeAnalysis(types.ModuleType):
    """Stands in for the analysis, so that these tests are about the command line alone."""

    def __init__(self) -> None:
        super().__init__("quirkfinder.analysis")
        self.result: Findings | BaseException = example_findings()
        self.arguments: dict[str, Json] = {}

    def analyze(self, paths: list[str], **options: Json) -> Findings:
        self.arguments = {"paths": paths, **options}
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


@pytest.fixture
def analysis(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAnalysis]:
    fake = FakeAnalysis()
    monkeypatch.setitem(sys.modules, "quirkfinder.analysis", fake)
    return fake


Captured = pytest.CaptureFixture[str]


def test_the_report_goes_to_stdout_and_nothing_else_does(analysis: FakeAnalysis, capsys: Captured) -> None:
    assert main(["analyze", "run"]) == 0
    out, err = capsys.readouterr()
    assert out == table(example_findings())
    assert err == ""


def test_every_argument_reaches_the_library(analysis: FakeAnalysis) -> None:
    main(["analyze", "a", "-", "--host", "h1", "--host", "h2", "--guest", "g", "--device", "d"])
    del analysis.arguments["progress"]
    expected = {"paths": ["a", "-"], "host": ["h1", "h2"], "guest": ["g"], "device": "d", "follow": None}
    assert analysis.arguments == expected


@pytest.mark.parametrize(
    ("verdicts", "fail_on", "status"),
    [
        ([], "likely", 0),
        (["benign"], "likely", 0),
        (["likely"], "likely", 1),
        (["likely"], "confirmed", 0),
        (["confirmed"], "confirmed", 1),
        (["confirmed"], "likely", 1),
        (["benign", "likely", "confirmed"], None, 0),
    ],
)
def test_fail_on(analysis: FakeAnalysis, verdicts: list[str], fail_on: str | None, status: int) -> None:
    data = example()
    data["findings"] = [data["findings"][0] | {"verdict": verdict} for verdict in verdicts]
    analysis.result = Findings.from_dict(data)
    assert main(["analyze", "run", *(["--fail-on", fail_on] if fail_on else [])]) == status


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UsageError("m", "h"), 2),
        (NoUsableInput("m", "h"), 3),
        (PartialFailure("m", "h", ("one",)), 4),
        (InvalidDocument("m", "h"), 5),
        (KeyboardInterrupt(), 130),
        (ZeroDivisionError("m"), 70),
    ],
)
def test_every_failure_has_its_exit_status_and_no_traceback(
    analysis: FakeAnalysis, capsys: Captured, error: BaseException, status: int
) -> None:
    analysis.result = error
    assert main(["analyze", "run"]) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    assert "error: " in err
    if isinstance(error, QuirkfinderError):
        assert "error: m\n  h\n" in err
    if isinstance(error, PartialFailure):
        assert err.startswith("failed: one\n")


def test_an_internal_error_says_how_to_report_it(analysis: FakeAnalysis, capsys: Captured) -> None:
    analysis.result = ZeroDivisionError("divided")
    main(["analyze", "run"])
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert f"this is a bug in quirkfinder {__version__}: ZeroDivisionError: divided; please report it" in err


def test_a_traceback_is_there_for_a_bug_report(
    analysis: FakeAnalysis, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUIRKFINDER_TRACEBACK", "1")
    analysis.result = ZeroDivisionError("divided")
    assert main(["analyze", "run"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_an_error_message_cannot_command_the_terminal(analysis: FakeAnalysis, capsys: Captured) -> None:
    analysis.result = NoUsableInput("evil\x1b[2J\u202e.log: no", "x\x07")
    main(["analyze", "run"])
    err = capsys.readouterr().err
    assert "\\x1b[2J\\u202e" in err
    assert all(line.isprintable() for line in err.splitlines())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["analyse", "x"], "is analyze meant?"),
        (["zzz"], "one of analyze,"),
        (["analyze"], "the following arguments are required: PATH"),
        (["analyze", "x", "--format", "jsn"], "is json meant?"),
        (["analyze", "x", "--form", "json"], "unrecognized arguments"),
        (["analyze", "x", "--fail-on", "benign"], "not known here"),
        (["analyze", "x", "\x1b[2J", "--nope"], "unrecognized arguments: --nope"),
    ],
)
def test_wrong_usage_is_two_lines_and_exit_status_2(arguments: list[str], message: str, capsys: Captured) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert len(err.splitlines()) == 2
    assert "--help" in err


def test_no_command_is_wrong_usage_with_the_help_on_stderr(capsys: Captured) -> None:
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "commands:" in err


def test_help_and_version_go_to_stdout(capsys: Captured) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"quirkfinder {__version__}\n"
    assert main(["analyze", "--help"]) == 0
    assert "examples:" in capsys.readouterr().out


def test_every_command_has_examples_and_its_exit_statuses(capsys: Captured) -> None:
    main(["--help"])
    listed = capsys.readouterr().out
    for name in build_parser()._subparsers._group_actions[0].choices:  # type: ignore[union-attr]  # argparse has no public way
        assert name in listed
        assert main([name, "--help"]) == 0
        page = capsys.readouterr().out
        assert f"  quirkfinder {name}" in page.split("examples:")[1]
        assert "exit status:" in page


def test_verbose_names_the_inputs_and_quiet_silences_that(analysis: FakeAnalysis, capsys: Captured) -> None:
    main(["analyze", "run", "-v"])
    assert "run/qemu.log: trace, QEMU 10.1 to 11.1, 26579 lines, 26310 events" in capsys.readouterr().err
    main(["analyze", "run", "-q", "-o", os.devnull])
    assert capsys.readouterr().err == ""


def python(*arguments: str, **options: Json) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), **options.pop("env", {})}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, env=environment, **options
    )


def test_the_module_runs() -> None:
    done = python("-m", "quirkfinder", "--version")
    assert (done.returncode, done.stdout) == (0, f"quirkfinder {__version__}\n")


@pytest.mark.parametrize("arguments", [["--help"], ["analyze", "--help"], ["completion", "bash"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; from quirkfinder.cli.main import main; main(sys.argv[1:]); "
        "print([m for m in ('polars', 'numpy', 'lark', 'llvmlite', 'rich', 'zstandard', 'jinja2') if m in sys.modules],"
        " file=sys.stderr)"
    )
    assert python("-c", code, *arguments).stderr == "[]\n"


def test_a_reader_that_stops_early_is_no_error() -> None:
    script = (
        'import sys, types; m = types.ModuleType("quirkfinder.analysis"); sys.modules["quirkfinder.analysis"] = m\n'
    )
    script += "from quirkfinder.findings.document import Findings\n"
    script += f"m.analyze = lambda *a, **k: Findings.load({str(REPOSITORY / 'tests/rendering/data/doors.json')!r})\n"
    script += 'from quirkfinder.cli.main import main; raise SystemExit(main(["analyze", "x"]))'
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-c", script],
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
            text=True,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN),
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&-", "| true", "> /dev/full"])
def test_closed_and_broken_streams_cause_no_traceback(redirection: str) -> None:
    command = f"for i in 1 2 3; do {sys.executable} -m quirkfinder --help {redirection}; done"
    done = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert "bug" not in done.stderr


def test_output_to_a_file_is_plain_and_complete(analysis: FakeAnalysis, tmp_path: Path, capsys: Captured) -> None:
    target = tmp_path / "findings.json"
    assert main(["analyze", "run", "--format", "json", "-o", str(target)]) == 0
    assert json.loads(target.read_text())["schema"] == "quirkfinder.findings/1"
    assert capsys.readouterr().out == ""
    assert [p.name for p in tmp_path.iterdir()] == ["findings.json"]


def test_a_table_in_a_json_file_is_remarked_upon(analysis: FakeAnalysis, tmp_path: Path, capsys: Captured) -> None:
    assert main(["analyze", "run", "-o", str(tmp_path / "findings.json")]) == 0
    assert "--format json writes the document" in capsys.readouterr().err
