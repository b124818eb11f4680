"""One browser for all these tests, a new tab for each."""

from collections.abc import Iterator

import pytest

from tests.browser.chromium import PROGRAMS, Chromium, Tab, program, running


@pytest.fixture(scope="session")
def browser() -> Iterator[Chromium]:
    path = program()
    if path is None:
        pytest.skip(f"no browser is installed: one of {', '.join(PROGRAMS)} is needed to open the page for real")
    with running(path) as browser:
        yield browser


@pytest.fixture
def tab(browser: Chromium) -> Iterator[Tab]:
    tab = Tab(browser)
    yield tab
    tab.close()
