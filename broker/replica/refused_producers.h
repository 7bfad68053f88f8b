// Idempotent producers one of whose batches was refused for a reason that passes (a full disk, too few
// replicas in sync, another leader) while those that they sent behind it are still on their way. Refused as
// out of order, which they are, these would make librdkafka begin a new producer epoch, and write a second
// time to other partitions what it has no answer for yet (confluentinc/librdkafka#4953). They get the answer
// of the first, so that the client repeats all of them in their order. So it is with those that a log would
// take since it knows nothing of their producer: what was refused first were out of order for good.
//
// Owned by a partition, in its lane.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/base/ids.h"
#include "lib/base/status.h"

namespace dohle::replica {

struct ProducerSequence {
  ProducerId producer = kNoProducerId;
  ProducerEpoch epoch;
  int32_t base_sequence = 0;
};

class RefusedProducers {
 public:
  // `why` is a failure. Of more producers than a few the oldest is forgotten.
  void Note(const ProducerSequence& batch, Status why);
  // One of its batches was taken.
  void Forget(ProducerId producer);
  // What the batch before this one, which is out of order, was refused for. OK: it wasn't, or as many batches
  // as a producer may have under way (max.in.flight.requests.per.connection is 5) have been told already.
  Status TakeReason(ProducerId producer);
  // The same for a batch of a producer that the log doesn't know. OK, too: none that comes before it in its
  // epoch was refused.
  Status TakeReasonBefore(const ProducerSequence& batch);

  bool empty() const { return refused_.empty(); }
  size_t size() const { return refused_.size(); }

 private:
  struct Refused {
    ProducerSequence first;  // of its epoch since one was taken
    Status why;
    int left = 0;  // that are to be told
  };
  std::vector<Refused>::iterator Find(ProducerId producer);

  std::vector<Refused> refused_;  // the oldest first
};

}  // namespace dohle::replica
