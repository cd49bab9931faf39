# SPDX-License-Identifier: Apache-2.0
"""What a client has of a file is not sent again, and parts of two states of one are never put together."""
import email.utils
import http.client
import os
import time

import pytest

from programs import wait_until
from serving import Server

BYTES = b"0123456789"


class File:
    """A file of a run, under the addresses that hand it out."""

    def __init__(self, server, name="a.txt"):
        self.server, self.run_id = server, server.run()["run_id"]
        place = f"0/{self.run_id}/artifacts/{name}"
        assert server.put(place, BYTES)[0] == 200
        self.path = server.sluice.home / "artifacts" / place
        self.addresses = {
            "get-artifact": f"/get-artifact?run_id={self.run_id}&path={name}",
            "proxy": f"/api/2.0/mlflow-artifacts/artifacts/{place}",
            "page": f"/ajax-api/2.0/mlflow-artifacts/artifacts/{place}",
        }
        self.address = self.addresses["proxy"]

    def get(self, method="GET", address=None, **headers):
        return self.server.ask(method, address or self.address,
                               headers={name.replace("_", "-"): value for name, value in headers.items()})

    def rest(self, address=None):
        """The headers, when it has not been changed for a while."""
        assert wait_until(lambda: self.get(address=address)[1]["ETag"])
        return self.get(address=address)[1]


@pytest.fixture
def server(sluice):
    server = Server(sluice)
    yield server
    assert server.is_alive()
    assert "AddressSanitizer" not in server.stop()


@pytest.fixture
def file(server):
    return File(server)


def test_a_client_that_has_it_is_told_so(file):
    for address in file.addresses.values():
        headers = file.rest(address)
        assert headers["ETag"].startswith('"') and headers["Cache-Control"] == "no-cache"
        assert email.utils.parsedate_to_datetime(headers["Last-Modified"]).timestamp() == int(file.path.stat().st_mtime)
        for asked in ({"If_None_Match": headers["ETag"]}, {"If_None_Match": f'"x", W/{headers["ETag"]}'},
                      {"If_None_Match": "*"}, {"If_Modified_Since": headers["Last-Modified"]}):
            status, answer, body = file.get(address=address, **asked)
            assert (status, body, answer["ETag"]) == (304, b"", headers["ETag"])
            assert answer["Content-Disposition"] is None and answer["Content-Type"] is None
        for asked in ({"If_None_Match": '"x"'}, {"If_None_Match": '"x"', "If_Modified_Since": headers["Last-Modified"]},
                      {"If_Modified_Since": "Sun, 06 Nov 1994 08:49:37 GMT"}, {"If_Modified_Since": "never"}):
            assert file.get(address=address, **asked)[::2] == (200, BYTES)


def test_a_head_says_the_same_without_the_bytes(file):
    for address in file.addresses.values():
        headers = file.rest(address)
        line = http.client.HTTPConnection("127.0.0.1", file.server.port, timeout=60)
        for _ in range(2):  # What is on the line after the first is the second's.
            line.request("HEAD", address)
            answer = line.getresponse()
            assert answer.read() == b"" and answer.status == 200 and answer.headers["Content-Length"] == "10"
            assert [answer.headers[name] for name in ("ETag", "Last-Modified", "Accept-Ranges", "Content-Type")] == [
                headers[name] for name in ("ETag", "Last-Modified", "Accept-Ranges", "Content-Type")]
            line.request("HEAD", address, headers={"If-None-Match": headers["ETag"]})
            answer = line.getresponse()
            assert (answer.status, answer.read()) == (304, b"")
        line.close()


def test_a_part_is_of_the_state_that_the_client_has(file):
    headers = file.rest()
    for same in (headers["ETag"], headers["Last-Modified"]):
        status, answer, body = file.get(Range="bytes=2-3", If_Range=same)
        assert (status, body, answer["Content-Range"]) == (206, b"23", "bytes 2-3/10")
        assert answer["ETag"] == headers["ETag"]
    for other in ('"x"', "W/" + headers["ETag"], "Sun, 06 Nov 1994 08:49:37 GMT", "x"):
        status, answer, body = file.get(Range="bytes=2-3", If_Range=other)
        assert (status, body, answer["Content-Range"]) == (200, BYTES, None)
    assert file.get(Range="bytes=2-3")[::2] == (206, b"23")
    assert file.get(Range="bytes=20-30", If_Range=headers["ETag"])[0] == 416
    assert file.get(Range="bytes=20-30", If_Range='"x"')[0] == 200
    assert file.get(Range="bytes=2-3", If_None_Match=headers["ETag"])[0] == 304


def test_what_is_wanted_in_one_state_only_is_refused_in_another(file):
    headers = file.rest()
    for asked in ({"If_Match": headers["ETag"]}, {"If_Match": "*"}, {"If_Unmodified_Since": headers["Last-Modified"]},
                  {"If_Unmodified_Since": email.utils.formatdate(time.time() + 60, usegmt=True)}):
        assert file.get(**asked)[::2] == (200, BYTES)
    for asked in ({"If_Match": '"x"'}, {"If_Match": "W/" + headers["ETag"]},
                  {"If_Unmodified_Since": "Sun, 06 Nov 1994 08:49:37 GMT"}):
        status, answer, body = file.get(Range="bytes=2-3", **asked)
        assert (status, body, answer["ETag"]) == (412, b"", headers["ETag"])


def test_another_file_in_its_place_is_another(file):
    first = file.rest()
    assert file.server.put(file.address.partition("/artifacts/")[2], b"9876543210")[0] == 200
    for asked in ({"If_None_Match": first["ETag"]}, {"Range": "bytes=2-3", "If_Range": first["ETag"]}):
        assert file.get(**asked)[::2] == (200, b"9876543210")
    second = file.rest()
    assert second["ETag"] != first["ETag"]
    assert file.get(If_None_Match=first["ETag"])[0] == 200


def test_a_file_that_is_written_in_place_with_its_time_put_back_is_another(file):
    first = file.rest()
    status = file.path.stat()
    with open(file.path, "r+b") as stream:
        stream.write(b"X")
    os.utime(file.path, ns=(status.st_atime_ns, status.st_mtime_ns))
    for asked in ({"If_None_Match": first["ETag"]}, {"Range": "bytes=0-1", "If_Range": first["ETag"]}):
        assert file.get(**asked)[::2] == (200, b"X123456789")
    second = file.rest()
    assert second["ETag"] != first["ETag"] and second["Last-Modified"] == first["Last-Modified"]


def test_a_file_that_is_being_written_has_no_tag(file):
    """It may change again within a tick of the clock."""
    for number in range(3):
        file.path.write_bytes(b"%010d" % number)
        began = time.monotonic()
        status, headers, body = file.get(If_None_Match='"x"', Range="bytes=0-3", If_Range='"x"')
        if time.monotonic() - began < 1.5:  # Else the machine is so busy that it has rested already.
            assert (headers["ETag"], headers["Last-Modified"]) == (None, None)
        assert (status, body) == (200, b"%010d" % number)


def test_a_tag_stays_when_the_server_is_started_anew(sluice):
    first = Server(sluice)
    file = File(first)
    headers = file.rest()
    first.stop()
    file.server = Server(sluice)
    assert file.get(If_None_Match=headers["ETag"])[0] == 304
    assert file.get(Range="bytes=2-3", If_Range=headers["ETag"])[::2] == (206, b"23")
    file.server.stop()


def test_conditions_of_all_sizes_are_read(file):
    headers = file.rest()
    many = ", ".join(f'"{number}"' for number in range(800))
    assert file.get(If_None_Match=many)[0] == 200
    assert file.get(If_None_Match=f"{many}, {headers['ETag']}")[0] == 304
    for odd in ('"', 'W/', 'W/"', ",", '"a', "'a'", "\xff", '""', "*, *", "a" * 4000):
        assert file.get(If_None_Match=odd)[::2] == (200, BYTES)
        assert file.get(Range="bytes=0-1", If_Range=odd)[::2] == (200, BYTES)
