"""What Apache Kafka announces and this broker doesn't, with the reasons: the tests are held to exactly this."""

TRANSACTIONS = "transactions aren't served"
MODERN_GROUPS = "the consumer protocol of KIP-848 isn't served"
SHARE = "share groups (KIP-932) aren't served"
STREAMS = "streams groups (KIP-1071) aren't served"
AUTHORISATION = "there is no authoriser"
QUOTAS = "there are no client quotas"
SCRAM = "there is no SCRAM"
TOKENS = "there are no delegation tokens"
REASSIGNMENT = "replicas can't be moved between directories yet"

# APIs that Apache announces on its broker listener and this broker doesn't: (key, name) -> why. A request closes the connection.
NOT_ANNOUNCED = {
    (24, "AddPartitionsToTxn"): TRANSACTIONS,
    (25, "AddOffsetsToTxn"): TRANSACTIONS,
    (26, "EndTxn"): TRANSACTIONS,
    (27, "WriteTxnMarkers"): TRANSACTIONS,
    (28, "TxnOffsetCommit"): TRANSACTIONS,
    (65, "DescribeTransactions"): TRANSACTIONS,
    (66, "ListTransactions"): TRANSACTIONS,
    (29, "DescribeAcls"): AUTHORISATION,
    (30, "CreateAcls"): AUTHORISATION,
    (31, "DeleteAcls"): AUTHORISATION,
    (34, "AlterReplicaLogDirs"): REASSIGNMENT,
    (38, "CreateDelegationToken"): TOKENS,
    (39, "RenewDelegationToken"): TOKENS,
    (40, "ExpireDelegationToken"): TOKENS,
    (41, "DescribeDelegationToken"): TOKENS,
    (48, "DescribeClientQuotas"): QUOTAS,
    (49, "AlterClientQuotas"): QUOTAS,
    (50, "DescribeUserScramCredentials"): SCRAM,
    (51, "AlterUserScramCredentials"): SCRAM,
    (68, "ConsumerGroupHeartbeat"): MODERN_GROUPS,
    (69, "ConsumerGroupDescribe"): MODERN_GROUPS,
    (76, "ShareGroupHeartbeat"): SHARE,
    (77, "ShareGroupDescribe"): SHARE,
    (78, "ShareFetch"): SHARE,
    (79, "ShareAcknowledge"): SHARE,
    (83, "InitializeShareGroupState"): SHARE,
    (84, "ReadShareGroupState"): SHARE,
    (85, "WriteShareGroupState"): SHARE,
    (86, "DeleteShareGroupState"): SHARE,
    (87, "ReadShareGroupStateSummary"): SHARE,
    (88, "StreamsGroupHeartbeat"): STREAMS,
    (89, "StreamsGroupDescribe"): STREAMS,
    (90, "DescribeShareGroupOffsets"): SHARE,
    (91, "AlterShareGroupOffsets"): SHARE,
    (92, "DeleteShareGroupOffsets"): SHARE,
}
