#!/usr/bin/env python3
"""Holds lib/kafka/schema against the message definitions in the jars of Apache Kafka, field by field.

    compare_schemas.py <directory of the jars> <directory of the schemas>

Reads both with parsers of its own (nothing is shared with kafka_generator) and compares what they mean: every message,
field, type, version range, nullability, tag, default, map key, ignorability, entity type and listener. Prints every
difference; exits with 1 if there is one.
"""
import json
import pathlib
import re
import sys
import zipfile

LAST = 32767
JARS = {  # jar -> how the kinds of its messages are called in our schemas
    "kafka-clients": {},
    "kafka-metadata": {"metadata": "metadata_record"},
    "kafka-raft": {},
    "kafka-storage": {"metadata": "remote_log_record"},
    "kafka-group-coordinator": {"coordinator-key": "group_key", "coordinator-value": "group_value"},
    "kafka-share-coordinator": {"coordinator-key": "share_key", "coordinator-value": "share_value"},
    "kafka-transaction-coordinator": {"coordinator-key": "transaction_key", "coordinator-value": "transaction_value"},
}
BASES = {"bool", "int8", "int16", "uint16", "int32", "uint32", "int64", "float64", "uuid", "string", "bytes", "records"}
ZERO = {"bool": "false", "string": '""', "float64": "0", **{t: "0" for t in BASES if "int" in t}}


def snake_case(name):
    name = name.replace("KRaft", "Kraft")
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name).lower()


def parse_range(text, outer):
    """The versions that `text` names and `outer` has, as (min, max); None if there are none."""
    if text is None:
        return outer
    if text == "none" or outer is None:
        return None
    if text.endswith("+"):
        low, high = int(text[:-1]), LAST
    elif "-" in text:
        low, high = map(int, text.split("-"))
    else:
        low = high = int(text)
    low, high = max(low, outer[0]), min(high, outer[1])
    return (low, high) if low <= high else None


class Message:
    def __init__(self, kind, key, name, where):
        self.name = name
        self.where = where
        self.head = {"kind": kind, "key": key, "name": name}
        self.fields = {}  # path -> facts, in order

    def add(self, path, **facts):
        if path in self.fields:
            raise SystemExit(f"{self.where}: {path} is there twice")
        self.fields[path] = facts


# --- Apache Kafka's side -----------------------------------------------------------------------------------------

def without_comments(text):
    """JSON with // comments, as Kafka writes it; a // within a string stays."""
    return re.sub(r'("(?:\\.|[^"\\])*")|//[^\n]*', lambda match: match.group(1) or "", text)


def kafka_default(field):
    kind = field["type"]
    default = field.get("default")
    if default is None:  # the literal null is no default to Kafka's generator; only the string "null" is null
        return ZERO.get(kind, "")
    if default == "null":
        return "null"
    if kind == "bool":
        return str(default).lower()
    if kind == "string":
        return json.dumps(default)
    if kind == "float64":
        return f"{float(default):g}"
    return str(int(str(default), 0))


def add_kafka_fields(message, prefix, fields, outer):
    for field in fields:
        versions = parse_range(field.get("versions") or field.get("taggedVersions"), outer)
        if versions is None:  # only in versions that no longer exist
            continue
        path = prefix + snake_case(field["name"])
        message.add(
            path, type=field["type"], versions=versions, nullable=parse_range(field.get("nullableVersions", "none"), versions),
            default=kafka_default(field), tag=field.get("tag"),
            tagged=parse_range(field["taggedVersions"], versions) if "tag" in field else None,
            key=bool(field.get("mapKey", False)), ignorable=str(field.get("ignorable", False)).lower() == "true",
            entity=snake_case(field["entityType"]) if "entityType" in field else None,
            inflexible=field.get("flexibleVersions") == "none")
        add_kafka_fields(message, path + ".", field.get("fields", []), versions)


def read_kafka(jar_directory):
    messages = {}
    for prefix, kinds in JARS.items():
        found = [jar for jar in jar_directory.glob(prefix + "-*.jar") if re.fullmatch(prefix + r"-[\d.]+\.jar", jar.name)]
        if len(found) != 1:
            raise SystemExit(f"expected one {prefix} jar in {jar_directory}, found {len(found)}")
        with zipfile.ZipFile(found[0]) as jar:
            entries = [e for e in jar.namelist() if re.fullmatch(r"(common/)?(message|metadata)/\w+\.json", e)]
            if not entries:
                raise SystemExit(f"{found[0]} holds no message definitions")
            for entry in entries:
                message = kafka_message(json.loads(without_comments(jar.read(entry).decode())), kinds, entry)
                if message.name in messages:
                    raise SystemExit(f"{entry}: a second {message.name}")
                messages[message.name] = message
    return messages


def kafka_message(spec, kinds, where):
    kind = kinds.get(spec["type"], spec["type"])
    message = Message(kind, spec.get("apiKey"), spec["name"], where)
    valid = parse_range(spec["validVersions"], (0, LAST))
    message.head["versions"] = valid
    if valid is None:
        return message
    message.head["flexible"] = parse_range(spec["flexibleVersions"], valid)
    message.head["listeners"] = sorted(spec.get("listeners", []))
    message.head["latest_unstable"] = bool(spec.get("latestVersionUnstable", False))
    add_kafka_fields(message, "", spec["fields"], valid)
    for struct in spec.get("commonStructs", []):
        versions = parse_range(struct["versions"], valid)
        message.add("struct " + struct["name"], versions=versions)
        add_kafka_fields(message, "struct " + struct["name"] + ".", struct["fields"], versions)
    return message


# --- our side ----------------------------------------------------------------------------------------------------

def read_ours(schema_directory):
    messages = {}
    for path in sorted(schema_directory.glob("*.schema")):
        message = parse_schema(path)
        if path.stem != snake_case(message.name):
            raise SystemExit(f"{path.name} holds {message.name}")
        messages[message.name] = message
    return messages


def parse_schema(path):
    lines = path.read_text().splitlines()
    if not re.match(r"# \S.*\.$", lines[0]):
        raise SystemExit(f"{path.name}: does not begin with a sentence that says what the message is")
    lines = [line for line in lines if line.strip() and not line.startswith("#")]
    title = lines.pop(0).split()
    message = Message(title[0], int(title[1]) if len(title) == 3 else None, title[-1], path.name)
    versions = lines.pop(0).split()
    message.head["versions"] = valid = parse_range(versions[1], (0, LAST))
    if valid is None:
        return message
    message.head["latest_unstable"] = versions[2:] == ["latest-unstable"]
    message.head["flexible"] = parse_range(lines.pop(0).split()[1], valid)
    message.head["listeners"] = []
    if lines and lines[0].startswith("listeners "):
        message.head["listeners"] = sorted(lines.pop(0).split()[1:])
    scopes = [("", valid)]  # by depth: the path that a field there hangs on, and the versions around it
    for line in lines:
        depth = (len(line) - len(line.lstrip(" "))) // 2
        words = line.split()
        del scopes[depth + 1:]
        prefix, outer = scopes[depth]
        if words[0] == "struct" and depth == 0:
            versions = parse_range(words[2] if len(words) > 2 else None, outer)
            message.add("struct " + words[1], versions=versions)
            scopes.append(("struct " + words[1] + ".", versions))
            continue
        facts = parse_field(words, outer)
        message.add(prefix + words[0], **facts)
        scopes.append((prefix + words[0] + ".", facts["versions"]))
    return message


def parse_field(words, outer):
    words = words[1:]
    kind, _, null = words.pop(0).partition("?") if "?" in words[0] else (words.pop(0), None, "none")
    versions = parse_range(words.pop(0), outer) if words and words[0][0].isdigit() else outer
    facts = dict(type=kind, versions=versions, nullable=parse_range(null or None, versions), default=ZERO.get(kind, ""), tag=None,
                 tagged=None, key=False, ignorable=False, entity=None, inflexible=False)
    while words:
        word = words.pop(0)
        if word == "=":
            facts["default"] = words.pop(0)
        elif word == "tag":
            facts["tag"] = int(words.pop(0))
            facts["tagged"] = versions
        elif word == "is":
            facts["entity"] = words.pop(0)
        elif word in ("key", "ignorable", "inflexible"):
            facts[word] = True
        else:
            raise SystemExit(f"unknown attribute {word}")
    return facts


def differences(theirs, ours):
    for name in sorted(theirs.keys() - ours.keys()):
        yield f"{name}: Kafka has it ({theirs[name].where}), we don't"
    for name in sorted(ours.keys() - theirs.keys()):
        yield f"{name}: we have it, Kafka doesn't"
    for name in sorted(theirs.keys() & ours.keys()):
        their, our = theirs[name], ours[name]
        for fact, value in their.head.items():
            if our.head.get(fact) != value:
                yield f"{name}: {fact} is {value} in Kafka, {our.head.get(fact)} here"
        if list(their.fields) != list(our.fields):
            yield f"{name}: fields are {list(their.fields)} in Kafka, {list(our.fields)} here"
        for path in their.fields.keys() & our.fields.keys():
            for fact, value in their.fields[path].items():
                if our.fields[path].get(fact) != value:
                    yield f"{name}.{path}: {fact} is {value} in Kafka, {our.fields[path].get(fact)} here"


def main():
    theirs = read_kafka(pathlib.Path(sys.argv[1]))
    ours = read_ours(pathlib.Path(sys.argv[2]))
    found = list(differences(theirs, ours))
    for difference in found:
        print(difference)
    fields = sum(len(message.fields) for message in theirs.values())
    print(f"{len(theirs)} messages, {fields} fields and structs: {len(found)} differences")
    sys.exit(1 if found or len(theirs) < 270 or fields < 2000 else 0)


if __name__ == "__main__":
    main()
