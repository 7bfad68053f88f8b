"""Scenarios that this repository's broker isn't asked to pass, and why. Counted as skipped, never as passed; Apache Kafka runs them all."""

from harness.unserved import MODERN_GROUPS, QUOTAS, REASSIGNMENT, SCRAM, TRANSACTIONS

# The end of a scenario's name -> why.
REASONS = {
    "admin/describe_producers": TRANSACTIONS,  # without them: conformance/wire, produce_sequences
    "admin/transactions": TRANSACTIONS,
    "admin/reassignments": REASSIGNMENT,
    "admin/client_quotas": QUOTAS,
    "admin/scram_credentials": SCRAM,
    "tools/reassignment": REASSIGNMENT,
    "tools/transactions": TRANSACTIONS,
    "transactions/commit_and_abort": TRANSACTIONS,
    "transactions/offsets_are_part_of_it": TRANSACTIONS,
    "transactions/open_one_hides_what_follows": TRANSACTIONS,
    "transactions/zombie_is_fenced": TRANSACTIONS,
    "v4/consumer_protocol_more_members_than_partitions": MODERN_GROUPS,
    "v4/consumer_protocol_one_two_three": MODERN_GROUPS,
    "v4/consumer_protocol_partitions_added": MODERN_GROUPS,
}


def reason(kind, name):
    """Why a broker of this kind isn't asked; None if it is."""
    if kind == "apache" or name.startswith("cluster/"):  # clusters are asked for everything
        return None
    return next((why for end, why in REASONS.items() if name.endswith("/" + end) or name == end), None)
