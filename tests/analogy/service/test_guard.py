import socket

import pytest
import requests

from tests.analogy.service.serving import PUBLIC_HOST, STALL


@pytest.mark.parametrize("host", ["example.com", "127.0.0.1.example.com", "127.0.0.2", ""])
def test_foreign_host_is_refused(service, host):
    assert service.get("", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost", "LOCALHOST:80", "[::1]:8448"])
def test_names_of_this_machine_are_taken(service, host):
    assert service.get("", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["http://example.com", "null", "http://127.0.0.1:1", ""])
def test_requests_of_other_sites_are_refused(service, origin):
    before = sorted(service.folder.iterdir())
    answer = service.post(headers={"Origin": origin})
    assert answer.status_code == 403
    assert answer.json() == {"error": "requests of other sites are refused"}
    assert sorted(service.folder.iterdir()) == before
    cancel = requests.delete(f"{service.url}/jobs/any", headers={"Origin": origin})
    assert cancel.status_code == 403


@pytest.mark.parametrize("host", [PUBLIC_HOST, "127.0.0.1:1"])
def test_a_proxy_may_send_by_the_name_that_it_has(service, host):
    """Whether it hands on the name that browsers know, or its own for the service."""
    headers = {"Host": host, "Origin": f"https://{PUBLIC_HOST}"}
    assert service.get("", headers=headers).status_code == 200
    assert service.post(files={}, headers=headers).status_code == 422


def test_own_page_may_send(service):
    answer = service.post(files={}, headers={"Origin": service.url})
    assert answer.status_code == 422


def test_body_that_is_too_long_is_refused_while_it_arrives(service):
    before = sorted(service.folder.iterdir())
    host, _, port = service.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        # Two megabytes of a file of many, whose rest is never sent.
        connection.sendall(
            f"POST /jobs HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000000000\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
            "--x\r\nContent-Disposition: form-data; name=a; filename=a.png\r\n\r\n".encode()
            + bytes(2 * 10**6)
        )
        answer = b""
        while not answer.endswith(b'{"error":"more than 1 MB; send smaller files"}'):
            more = connection.recv(4096)
            assert more, answer
            answer += more
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert sorted(service.folder.iterdir()) == before


def test_an_upload_that_stalls_is_ended_and_gives_its_place_back(service):
    before = sorted(service.folder.iterdir())
    host, _, port = service.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(
            f"POST /jobs HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n".encode()
        )
        answer = b""
        while not answer.endswith(b"}"):
            more = connection.recv(4096)
            assert more, answer
            answer += more
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert f"nothing has arrived for {STALL} s".encode() in answer
    assert sorted(service.folder.iterdir()) == before


def test_a_field_that_is_too_long_is_said_to_be(service):
    answer = service.post(fields={"seed": "1" * 2000})
    assert answer.status_code == 413
    assert answer.json() == {"error": "a field of the form holds more than 1000 bytes; shorten it"}


def test_nothing_is_to_be_kept_guessed_at_or_framed(service):
    headers = service.get("").headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
