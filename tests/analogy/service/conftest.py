"""A service as it is served, with small limits."""

import pytest

from tests.analogy.service.serving import served


@pytest.fixture(scope="package")
def service(tmp_path_factory):
    with served(tmp_path_factory.mktemp("service")) as service:
        yield service
