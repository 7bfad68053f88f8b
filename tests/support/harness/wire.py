"""Kafka's protocol from its schemas: any message in any version, to bytes and back.

The schemas are those in the jar of kafka-clients (common/message/*.json), so nothing here depends on the code under test.
Values are plain Python: dict for a struct (missing fields take their defaults), list, str, bytes, int, float, bool, None, uuid as hex text.
"""

import json
import re
import socket
import struct
import uuid
import zipfile

from . import packages

_FIXED = {"int8": ">b", "int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "int64": ">q", "float64": ">d"}


class Malformed(Exception):
    """Bytes that the schema can't explain."""


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if n < 0 or self.at + n > len(self.data):
            raise Malformed(f"{n} bytes wanted at {self.at} of {len(self.data)}")
        self.at += n
        return self.data[self.at - n:self.at]

    def fixed(self, code):
        return struct.unpack(code, self.take(struct.calcsize(code)))[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7


def varint(n):
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def zigzag(n):
    return varint((n << 1) ^ (n >> 63) if n < 0 else n << 1)


def _range(text):
    """The predicate of "3+", "0-4", "7", "none"."""
    if text in (None, "none"):
        return lambda version: False
    low, _, high = text.partition("-")
    if low.endswith("+"):
        return lambda version: version >= int(low[:-1])
    return lambda version: int(low) <= version <= int(high or low)


class Field:
    def __init__(self, spec, structs, flexible):
        self.name = spec["name"][0].lower() + spec["name"][1:]
        self.type = spec["type"]
        self.present = _range(spec.get("versions", "0+"))
        self.nullable = _range(spec.get("nullableVersions"))
        self.tag = spec.get("tag")
        self.tagged = _range(spec.get("taggedVersions"))
        self.flexible = _range(spec["flexibleVersions"]) if "flexibleVersions" in spec else flexible
        self.array = self.type.startswith("[]")
        element = self.type[2:] if self.array else self.type
        self.element = element
        fields = spec.get("fields")
        self._own = Struct(fields, structs, flexible) if fields else None
        self._structs = structs
        self._default = spec.get("default")

    @property
    def struct(self):
        """Looked up late: common structs may be declared in any order."""
        return self._own or self._structs.get(self.element)

    def default(self):
        if self._default == "null":
            return None
        if self.array:
            return []
        if self.type in _FIXED:
            if self.type == "float64":
                return float(self._default or 0)
            return int(str(self._default or "0"), 0)
        if self.type == "bool":
            return str(self._default or "false") == "true"
        return {"string": self._default or "", "uuid": "0" * 32, "bytes": b"", "records": None}.get(self.type) if not self.struct else {}

    def write(self, value, version):
        compact = self.flexible(version)
        if value is None:
            if not self.nullable(version):
                raise ValueError(f"{self.name} can't be null in version {version}")
            if self.struct and not self.array:
                return b"\xff"
            if compact:
                return b"\0"
            return b"\xff\xff" if self.type == "string" else b"\xff\xff\xff\xff"
        if self.array:
            head = varint(len(value) + 1) if compact else struct.pack(">i", len(value))
            return head + b"".join(self._write_one(v, version, compact) for v in value)
        head = b"\x01" if self.struct and self.nullable(version) else b""
        return head + self._write_one(value, version, compact)

    def _write_one(self, value, version, compact):
        kind = self.element
        if kind in _FIXED:
            return struct.pack(_FIXED[kind], value)
        if kind == "bool":
            return b"\1" if value else b"\0"
        if kind == "uuid":
            return uuid.UUID(value).bytes
        if kind == "string":
            data = value.encode()
            return (varint(len(data) + 1) if compact else struct.pack(">h", len(data))) + data
        if kind in ("bytes", "records"):
            return (varint(len(value) + 1) if compact else struct.pack(">i", len(value))) + value
        return self.struct.write(value, version)

    def read(self, reader, version):
        compact = self.flexible(version)
        if self.array:
            count = reader.varint() - 1 if compact else reader.fixed(">i")
            if count < 0:
                return None
            if count > len(reader.data):
                raise Malformed(f"{count} elements of {self.name}")
            return [self._read_one(reader, version, compact) for _ in range(count)]
        if self.struct and self.nullable(version) and reader.fixed(">b") < 0:
            return None
        return self._read_one(reader, version, compact)

    def _read_one(self, reader, version, compact):
        kind = self.element
        if kind in _FIXED:
            return reader.fixed(_FIXED[kind])
        if kind == "bool":
            return reader.take(1) != b"\0"
        if kind == "uuid":
            return reader.take(16).hex()
        if kind == "string":
            size = reader.varint() - 1 if compact else reader.fixed(">h")
            return None if size < 0 else reader.take(size).decode()
        if kind in ("bytes", "records"):
            size = reader.varint() - 1 if compact else reader.fixed(">i")
            return None if size < 0 else reader.take(size)
        return self.struct.read(reader, version)


class Struct:
    def __init__(self, fields, structs, flexible):
        self.fields = [Field(f, structs, flexible) for f in fields]
        self._flexible = flexible

    def write(self, value, version):
        unknown = set(value) - {f.name for f in self.fields}
        if unknown:
            raise ValueError(f"unknown fields {unknown}")
        out, tags = b"", []
        for field in self.fields:
            if not field.present(version):
                continue
            given = value.get(field.name, field.default())
            if field.tagged(version):
                if field.name in value and given != field.default():
                    tags.append((field.tag, field.write(given, version)))
            else:
                out += field.write(given, version)
        if self._flexible(version):
            out += varint(len(tags)) + b"".join(varint(t) + varint(len(data)) + data for t, data in sorted(tags))
        return out

    def read(self, reader, version):
        value = {}
        for field in self.fields:
            if field.present(version) and not field.tagged(version):
                value[field.name] = field.read(reader, version)
        if self._flexible(version):
            by_tag = {f.tag: f for f in self.fields if f.tag is not None and f.present(version)}
            for _ in range(reader.varint()):
                tag, size = reader.varint(), reader.varint()
                data = reader.take(size)
                if tag in by_tag:
                    inner = Reader(data)
                    value[by_tag[tag].name] = by_tag[tag].read(inner, version)
                    if inner.at != size:
                        raise Malformed(f"tag {tag}: {size - inner.at} bytes too many")
                else:
                    value[f"tag {tag}"] = data
        return value


class Message:
    def __init__(self, spec):
        self.key = spec.get("apiKey")
        self.name = spec["name"]
        low, _, high = spec["validVersions"].partition("-")
        self.versions = range(int(low), int(high or low) + 1) if low != "none" else range(0)
        self.flexible = _range(spec.get("flexibleVersions"))
        structs = {}
        for common in spec.get("commonStructs", []):
            structs[common["name"]] = Struct(common["fields"], structs, self.flexible)
        self.struct = Struct(spec.get("fields", []), structs, self.flexible)


class Protocol:
    """Every request and response, by the name of its API ("Produce")."""

    def __init__(self):
        jar = packages.kafka_jars() / f"kafka-clients-{packages.KAFKA_VERSION}.jar"
        self.requests, self.responses = {}, {}
        with zipfile.ZipFile(jar) as archive:
            for name in archive.namelist():
                match = re.fullmatch(r"common/message/(\w+)(Request|Response)\.json", name)
                if not match:
                    continue
                lines = archive.read(name).decode().splitlines()
                spec = json.loads("\n".join(re.sub(r"(^|\s)//.*$", "", line) for line in lines))
                (self.requests if match.group(2) == "Request" else self.responses)[match.group(1)] = Message(spec)

    def versions(self, api):
        return self.requests[api].versions

    def request(self, api, version, body, correlation_id=1, client_id="wire"):
        """The bytes of a request, without their length."""
        message = self.requests[api]
        header = struct.pack(">hhi", message.key, version, correlation_id)
        header += struct.pack(">h", len(client_id)) + client_id.encode()
        if message.flexible(version):
            header += b"\0"
        return header + message.struct.write(body, version)

    def response(self, api, version, data):
        """(correlation id, value) of a response's bytes; Malformed when bytes are left or missing."""
        message = self.responses[api]
        reader = Reader(data)
        correlation_id = reader.fixed(">i")
        if message.flexible(version) and api != "ApiVersions":
            for _ in range(reader.varint()):
                reader.varint()
                reader.take(reader.varint())
        value = message.struct.read(reader, version)
        if reader.at != len(data):
            raise Malformed(f"{len(data) - reader.at} bytes too many")
        return correlation_id, value


class Connection:
    """One connection to a broker."""

    def __init__(self, port, timeout_s=15, host="localhost"):
        self._socket = socket.create_connection((host, port), timeout=timeout_s)

    def send(self, data):
        self._socket.sendall(struct.pack(">i", len(data)) + data)

    def send_raw(self, data):
        self._socket.sendall(data)

    def receive(self):
        """The next response's bytes; None when the broker closed; TimeoutError when it is silent."""
        header = self._exactly(4)
        return None if header is None else self._exactly(struct.unpack(">i", header)[0])

    def _exactly(self, n):
        data = b""
        while len(data) < n:
            try:
                part = self._socket.recv(n - len(data))
            except ConnectionError:
                return None
            if not part:
                return None
            data += part
        return data

    def close(self):
        self._socket.close()


_CRC_TABLE = []
for _i in range(256):
    for _ in range(8):
        _i = _i >> 1 ^ (0x82F63B78 if _i & 1 else 0)
    _CRC_TABLE.append(_i)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def record(offset_delta, key, value, timestamp_delta=0, headers=()):
    def sized(data):
        return zigzag(-1) if data is None else zigzag(len(data)) + data

    body = b"\0" + zigzag(timestamp_delta) + zigzag(offset_delta) + sized(key) + sized(value) + zigzag(len(headers))
    for name, content in headers:
        body += sized(name) + sized(content)
    return zigzag(len(body)) + body


def batch(records, timestamp, attributes=0, producer_id=-1, producer_epoch=-1, base_sequence=-1, base_offset=0, magic=2, crc=None,
          count=None, last_offset_delta=None, leader_epoch=-1):
    """A record batch; every field can be made wrong."""
    payload = records if isinstance(records, bytes) else b"".join(records)
    count = count if count is not None else len(records)
    last = last_offset_delta if last_offset_delta is not None else count - 1
    checked = struct.pack(">hiqqqhii", attributes, last, timestamp, timestamp, producer_id, producer_epoch, base_sequence, count) + payload
    crc = crc32c(checked) if crc is None else crc
    return struct.pack(">qiibI", base_offset, 4 + 1 + 4 + len(checked), leader_epoch, magic, crc) + checked
