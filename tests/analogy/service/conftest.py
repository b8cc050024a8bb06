"""A service as it is served, with small limits."""

import pytest

from tests.analogy.service.serving import PUBLIC_HOST, STALL, served


@pytest.fixture(scope="package")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("service")
    with served(folder, patience=STALL, public_host=PUBLIC_HOST) as service:
        yield service
