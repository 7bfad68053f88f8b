// A producer of a simulation: one partition, small batches. Idempotent: up to three batches under way, sent
// again until acknowledged, as Kafka's own does it. Plain: each batch once, whatever becomes of it.
#pragma once

#include <deque>
#include <memory>

#include "lib/env/one_shot.h"
#include "lib/kafka/messages/produce_request.h"
#include "tests/sim/client.h"
#include "tests/sim/history.h"

namespace dohle::sim {

// What the clients are told.
struct Control {
  bool stopping = false;
  int running = 0;
  uint64_t pause_at_most_ms = 150;  // of a producer, between two rounds: bursts and quiet times
};

struct ProducerOptions {
  int number = 0;
  TopicPartition partition;
  bool idempotent = true;
};

// Produce v12 of one batch; `producer_id` -1: none.
kafka::ProduceRequest ProduceRequestOf(const SentBatch& batch, int64_t producer_id, int16_t producer_epoch,
                                       int32_t base_sequence, int64_t now_ms);

class Producer {
 public:
  Producer(env::Env& env, std::vector<env::Endpoint> brokers, History& history, Control& control,
           ProducerOptions options);
  // Until told to stop; it is `running` as long.
  env::Task<void> Run();

 private:
  struct Pending {
    size_t batch;  // in the history
    int32_t sequence;
  };
  struct Outcome {
    StatusOr<int16_t> error = absl::UnknownError("not sent");
    int64_t base_offset = -1;
  };
  struct Window {
    std::vector<Outcome> outcomes;
    size_t left = 0;
    MonotonicTime sent_at;
    std::shared_ptr<env::OneShot<bool>> done;
  };
  env::Task<void> Round();
  env::Task<bool> HaveId();
  void FillWindow();
  void NewBatch();
  static env::Task<void> Send(Client::ConnectionPtr connection, kafka::ProduceRequest request,
                              std::shared_ptr<Window> window, size_t index);
  // False: the window has to be sent again.
  bool Settle(const Window& window);
  void OnRejected(int16_t error);
  env::Task<void> SendPlain();

  env::Env& env_;
  Client client_;
  History& history_;
  Control& control_;
  const ProducerOptions options_;
  int64_t next_number_ = 0;
  int incarnation_ = 0;
  MonotonicTime incarnation_began_;
  int64_t producer_id_ = -1;
  int16_t producer_epoch_ = -1;
  int32_t next_sequence_ = 0;
  std::deque<Pending> pending_;
};

}  // namespace dohle::sim
