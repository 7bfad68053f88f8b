"""The list of scenarios, and ids that nothing has."""

ALL = []
ZERO = "0" * 32
UNKNOWN_ID = "f" * 31 + "1"


def scenario(body):
    ALL.append((body.__name__, body))
    return body
