"""Connections and the versions of requests."""

import struct

from .asking import scenario


@scenario
def api_versions(t):
    for version in t.versions("ApiVersions"):
        t.ask("ApiVersions", version, clientSoftwareName="wire", clientSoftwareVersion="1.0")


@scenario
def api_versions_unknown_version(t):
    for version in (5, 99, 32767):
        t.raw(f"ApiVersions {version}, body of version 3", struct.pack(">hhih", 18, version, 7, 1) + b"w" + b"\0" + b"\x05wire\x041.0\0")
    t.raw("ApiVersions -1", struct.pack(">hhih", 18, -1, 7, -1))
    t.note("the connection still serves")
    t.ask("ApiVersions", 0)


@scenario
def api_versions_bad_software_name(t):
    t.ask("ApiVersions", 3, clientSoftwareName="", clientSoftwareVersion="1.0")
    t.ask("ApiVersions", 3, clientSoftwareName="a b", clientSoftwareVersion="1.0")
    t.ask("ApiVersions", 4, clientSoftwareName="ok", clientSoftwareVersion="$")


@scenario
def unsupported_versions_of_other_apis(t):
    for key, version in ((0, 99), (0, 2), (3, 14), (1, 3), (19, 1), (19, 8), (10, 7), (4, 0), (999, 0), (-1, 0)):
        t.raw(f"API {key} version {version}", struct.pack(">hhih", key, version, 7, -1) + b"\0" * 20)


@scenario
def frames(t):
    t.raw("a frame of size -1", b"\xff\xff\xff\xff", frame=False)
    t.raw("a frame larger than socket.request.max.bytes", struct.pack(">i", 104857601), frame=False)
    t.raw("a frame of size 0", b"\0\0\0\0", frame=False)
    t.raw("a header that is cut short", struct.pack(">hh", 18, 0))
    t.raw("Metadata 1 that says 1,000,000 topics", struct.pack(">hhihi", 3, 1, 7, -1, 1_000_000))
    t.raw("Metadata 1 with bytes left over", struct.pack(">hhihi", 3, 1, 7, -1, 0) + b"left")
    t.raw("Metadata 1 with a topic name of size -5", struct.pack(">hhihih", 3, 1, 7, -1, 1, -5))
    t.raw("HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", frame=False)


@scenario
def null_client_id(t):
    answer = t.exchange(struct.pack(">hhih", 18, 0, 42, -1))
    t.lines.append(f"< correlation id {struct.unpack('>i', answer[:4])[0]}, error {struct.unpack('>h', answer[4:6])[0]}")
