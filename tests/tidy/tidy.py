"""Layers and style: the rules of tests/tidy/rules, as functions from sources to findings. Standard library only."""

import configparser
import functools
import pathlib
import re
import subprocess

RULES = pathlib.Path(__file__).parent / "rules"
CODE = (".h", ".cc")


class Finding:
    """One place where a rule is broken."""

    def __init__(self, rule, path, line, message):
        self.rule, self.path, self.line, self.message = rule, path, line, message

    def __str__(self):
        return f"{self.path}:{self.line}: [{self.rule}] {self.message}"


def tracked_files(root):
    """Path -> text of what git tracks or would track; binary files are left out."""
    names = subprocess.run(
        ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True, capture_output=True).stdout.decode().split("\0")
    texts = {}
    for name in filter(None, names):
        path = pathlib.Path(root, name)
        if not path.is_file() or path.is_symlink():
            continue
        data = path.read_bytes()
        if b"\0" not in data[:8000]:
            texts[name] = data.decode(errors="replace")
    return texts


@functools.lru_cache(maxsize=None)
def _glob(pattern):
    anywhere = "/" not in pattern and pattern != "**"
    out = ""
    for part in re.split(r"(\*\*/|\*\*|\*)", pattern):
        out += {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}.get(part, re.escape(part))
    if anywhere or pattern.startswith("testing/"):
        out = "(?:.*/)?" + out
    return re.compile(out + r"\Z")


def matches(path, globs):
    return any(_glob(glob).match(path) for glob in globs)


def rule_lines(name, rules=RULES):
    for line in (rules / name).read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            yield line


_TOKENS = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<d>[^(\s]*)\(.*?\)(?P=d)"|"(?:\\.|[^"\\\n])*"|(?<![\w])\'(?:\\.|[^\'\\\n])+\'', re.S)


def strip_cc(text):
    """Comments and literals blanked, line breaks kept. Quotes of #include lines stay."""
    def blank(match):
        token = match.group(0)
        start = text.rfind("\n", 0, match.start()) + 1
        if token[0] == '"' and re.match(r"\s*#\s*include\s*$", text[start:match.start()]):
            return token
        kept = '""' if token[0] in '"R' else ""
        return kept + "\n" * token.count("\n")
    return _TOKENS.sub(blank, text)


def strip_comments(path, text):
    if path.endswith(CODE + (".java", ".go", ".js")):
        return strip_cc(text)
    return re.sub(r"(?m)^(\s*)#(?!!).*$", r"\1", text)


# --- who may include whom ---------------------------------------------------------------------------------------------

def load_layers(lines):
    """Folder -> set of every folder that it may include, itself too."""
    direct = {}
    for line in lines:
        folder, _, allowed = line.partition("->")
        direct[folder.strip()] = allowed.split()

    def closure(folder, seen):
        if folder not in seen:
            seen.add(folder)
            for other in direct.get(folder, []):
                closure(other, seen)
        return seen
    return {folder: closure(folder, set()) for folder in direct}


def layer_of(path, layers):
    parts = path.split("/")[:-1]
    while parts:
        if "/".join(parts) in layers:
            return "/".join(parts)
        parts.pop()
    return None


def is_test(path):
    return bool(re.search(r"(_test|_fuzz|_bench|_harness)\.(cc|h)$|/(test|fake)_[^/]*$|/testing/|^tests/", path))


_INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.M)


def includes(text):
    """(line, header, is ours) of each #include."""
    stripped = strip_cc(text)
    for match in _INCLUDE.finditer(stripped):
        line = stripped.count("\n", 0, match.start(1) if match.group(1) else match.start(2)) + 1
        yield line, match.group(1) or match.group(2), match.group(1) is not None


def check_layers(texts, lines=None):
    layers = load_layers(lines or rule_lines("layers.txt"))
    for path, text in texts.items():
        if not path.endswith(CODE):
            continue
        here = layer_of(path, layers)
        if here is None:
            yield Finding("layers", path, 1, "stands in no folder that rules/layers.txt knows")
            continue
        allowed = layers[here] | (layers.get("TESTS", set()) if is_test(path) else set())
        for line, header, _ in includes(text):
            there = layer_of(header, layers)
            if there is None or there in allowed:
                if header.endswith(".cc") or header.endswith("/main.h"):
                    yield Finding("layers", path, line, f"includes {header}")
                continue
            yield Finding("layers", path, line, f"{here} may not include {there} ({header})")


def check_cycles(texts):
    graph = {path: [h for _, h, ours in includes(text) if ours and h in texts]
             for path, text in texts.items() if path.endswith(CODE)}
    state = {}

    def visit(node, trail):
        state[node] = 1
        for other in graph.get(node, []):
            if state.get(other) == 1:
                cycle = (trail + [node])[(trail + [node]).index(other):] + [other]
                yield Finding("cycles", node, 1, "includes itself: " + " -> ".join(cycle))
            elif other not in state:
                yield from visit(other, trail + [node])
        state[node] = 2
    for path in graph:
        if path not in state:
            yield from visit(path, [])


def check_third_party(texts, lines=None):
    known = [(line.split()[0], line.split()[1:]) for line in lines or rule_lines("third_party.txt")]
    for path, text in texts.items():
        if not path.endswith(CODE):
            continue
        for line, header, ours in includes(text):
            if re.fullmatch(r"[a-z_0-9]+", header) or re.match(r"(lib|broker|operator|tests)/", header):
                continue
            homes = [globs for prefix, globs in known if header.startswith(prefix)]
            if not homes:
                yield Finding("third party", path, line, f"{header}: no line in rules/third_party.txt knows it")
            elif not any(matches(path, globs) for globs in homes):
                yield Finding("third party", path, line, f"{header} belongs to {' '.join(homes[0])}")


# --- words ------------------------------------------------------------------------------------------------------------

def load_patterns(path=RULES / "patterns.ini"):
    config = configparser.ConfigParser(interpolation=None)
    config.read_string(path.read_text())
    return config


def allowed_by_list(name):
    return {line.split()[0] for line in rule_lines(name)} if name else set()


def check_patterns(texts, config=None):
    config = config or load_patterns()
    for name in config.sections():
        rule = config[name]
        wanted, allowed = rule["files"].split(), rule.get("allowed", "").split()
        listed = allowed_by_list(rule.get("allow_list"))
        endings = tuple(rule.get("only", "").split()) or ""
        expression = re.compile(rule["match"])
        for path, text in texts.items():
            if not path.endswith(endings) or not matches(path, wanted) or matches(path, allowed) or path in listed:
                continue
            if rule.getboolean("path", False):
                if expression.search(path):
                    yield Finding(name, path, 1, rule["why"])
                continue
            if not rule.getboolean("whole", False):
                text = strip_comments(path, text)
            for number, line in enumerate(text.split("\n"), 1):
                if expression.search(line):
                    yield Finding(name, path, number, f"{rule['why']}: {line.strip()[:100]}")


def check_headers(texts):
    for path, text in texts.items():
        if not path.endswith(".h"):
            continue
        if not text.startswith("//"):
            yield Finding("headers", path, 1, "begins with a comment that says what it is for")
        if not re.search(r"^#pragma once$", text, re.M):
            yield Finding("headers", path, 1, "has no #pragma once")


# --- sizes ------------------------------------------------------------------------------------------------------------

_NOT_A_FUNCTION = re.compile(
    r"^\s*(?:else\b|if\b|for\b|while\b|switch\b|do\b|try\b|catch\b|namespace\b|extern\b|enum\b|case\b|default\b|"
    r"(?:template\s*<.*>\s*)?(?:class|struct|union)\b)", re.S)


def functions(text):
    """(first line, name, length in lines) of each function body that isn't inside another."""
    text = re.sub(r"(?m)^\s*#(?:[^\n]*\\\n)*[^\n]*", lambda m: "\n" * m.group(0).count("\n"), strip_cc(text))
    depth_of_function = None
    depth, chunk_start = 0, 0
    start_line, name, opened_at = 0, "", 0
    parentheses = 0
    for match in re.finditer(r"[(){};]", text):
        c, at = match.group(0), match.start()
        if c == "(":
            parentheses += 1
        elif c == ")":
            parentheses = max(0, parentheses - 1)
        elif c == "{":
            head = text[chunk_start:at]
            called = re.search(r"([~\w:]+|operator\s*\S+)\s*\(", head)
            if depth_of_function is None and parentheses == 0 and called and not _NOT_A_FUNCTION.match(head) \
                    and not re.search(r"=\s*$", head):
                depth_of_function, opened_at = depth, at
                name = re.sub(r"\s+", " ", called.group(1))
                start_line = text.count("\n", 0, chunk_start + len(head) - len(head.lstrip())) + 1
            depth += 1
            if parentheses == 0:
                chunk_start = at + 1
        elif c == "}":
            depth -= 1
            if depth_of_function == depth:
                # A member initializer in braces is followed by its constructor's body: the same function goes on.
                after = text[at + 1:at + 200].lstrip()
                if not (re.search(r":[^:]*\w\s*$", text[:opened_at]) and after[:1] in (",", "{")):
                    yield start_line, name, text.count("\n", 0, at) + 2 - start_line
                depth_of_function = None
            if parentheses == 0:
                chunk_start = at + 1
        elif parentheses == 0:
            chunk_start = at + 1


def check_sizes(texts, lines=None):
    """Findings, and remarks that don't fail."""
    limits, excepted = {}, set()
    for line in lines or rule_lines("sizes.txt"):
        words = line.split()
        if words[0] in ("file", "function"):
            limits[words[0]] = int(words[1]), int(words[2])
        else:
            excepted.add(words[0])
    findings, remarks = [], []

    def judge(kind, key, path, line, length):
        remark, fail = limits[kind]
        if length > fail and key not in excepted:
            findings.append(Finding("sizes", path, line, f"{key}: a {kind} of {length} lines"))
        elif length > remark:
            remarks.append(Finding("sizes", path, line, f"{key}: a {kind} of {length} lines"))
    for path, text in texts.items():
        if not path.endswith(CODE + (".py",)):
            continue
        judge("file", path, path, 1, text.count("\n"))
        if path.endswith(CODE):
            for line, name, length in functions(text):
                judge("function", f"{path}:{name}", path, line, length)
    return findings, remarks


def check_all(texts):
    """(findings, remarks) of every rule."""
    findings = []
    for check in (check_layers, check_cycles, check_third_party, check_patterns, check_headers):
        findings += check(texts)
    too_long, remarks = check_sizes(texts)
    return findings + too_long, remarks
