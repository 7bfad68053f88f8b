"""Transactions."""

from harness import wire

from .asking import scenario
from .fetch import fetch
from .produce import produce


@scenario
def transactions(t):
    t.settle("FindCoordinator", 3, lambda a: a["errorCode"] == 0, key="tx", keyType=1)
    t.topic("tx.topic", 2)
    t.settle("InitProducerId", 4, lambda a: a["errorCode"] == 0, transactionalId="tx-settle", transactionTimeoutMs=60000)
    t.ask("InitProducerId", 4, transactionalId="tx", transactionTimeoutMs=0)
    t.ask("InitProducerId", 4, transactionalId="tx", transactionTimeoutMs=100_000_000)
    first = t.ask("InitProducerId", 4, transactionalId="tx", transactionTimeoutMs=60000)
    who = {"transactionalId": "tx", "producerId": first["producerId"], "producerEpoch": first["producerEpoch"]}
    old = {"v3AndBelowTransactionalId": "tx", "v3AndBelowProducerId": first["producerId"], "v3AndBelowProducerEpoch": first["producerEpoch"]}
    topics = [{"name": "tx.topic", "partitions": [0]}]
    t.note("nothing begun: end")
    t.ask("EndTxn", 3, committed=True, **who)
    t.ask("AddPartitionsToTxn", 3, v3AndBelowTopics=topics, **old)
    t.ask("AddPartitionsToTxn", 3, v3AndBelowTopics=[{"name": "none", "partitions": [0]}, *topics], **old)
    data = wire.batch([wire.record(0, b"k", b"v")], t.now, attributes=0x10, producer_id=first["producerId"], producer_epoch=first["producerEpoch"], base_sequence=0)
    produce(t, 9, "tx.topic", None, data, transactionalId="tx")
    t.note("a partition that is not part of it")
    produce(t, 9, "tx.topic", None, data, partition=1, transactionalId="tx")
    fetch(t, 12, "tx.topic", None, fields={"isolationLevel": 1})
    t.ask("DescribeTransactions", 0, hide=("transactionStartTimeMs",), transactionalIds=["tx", "nobody"])
    t.ask("AddOffsetsToTxn", 3, groupId="tx-group", **who)
    t.ask("TxnOffsetCommit", 3, groupId="tx-group", topics=[{"name": "tx.topic", "partitions": [{"partitionIndex": 0, "committedOffset": 3}]}], **who)
    t.ask("OffsetFetch", 7, groupId="tx-group", topics=[{"name": "tx.topic", "partitionIndexes": [0]}], requireStable=True)
    t.ask("EndTxn", 3, committed=False, **who)
    t.settle("DescribeTransactions", 0, lambda a: a["transactionStates"][0]["transactionState"] == "CompleteAbort", transactionalIds=["tx"])
    fetch(t, 12, "tx.topic", None, fields={"isolationLevel": 1})
    t.ask("OffsetFetch", 7, groupId="tx-group", topics=[{"name": "tx.topic", "partitionIndexes": [0]}], requireStable=True)
    t.note("the wrong epoch, the wrong producer, an unknown id")
    t.ask("EndTxn", 3, transactionalId="tx", producerId=first["producerId"], producerEpoch=9, committed=True)
    t.ask("EndTxn", 3, transactionalId="tx", producerId=first["producerId"] + 1, producerEpoch=0, committed=True)
    t.ask("EndTxn", 3, transactionalId="nobody", producerId=1, producerEpoch=0, committed=True)
    t.note("a successor fences")
    t.ask("InitProducerId", 4, transactionalId="tx", transactionTimeoutMs=60000)
    t.ask("AddPartitionsToTxn", 3, v3AndBelowTopics=topics, **old)
