// What the modes of the load generator send.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/bench/client.h"

namespace dohle::bench {

// The same batch again and again; connection i writes to partition i modulo `partitions`.
class ProduceLoad : public Workload {
 public:
  ProduceLoad(const std::string& topic, int32_t partitions, int16_t acks, const std::string& batch,
              size_t connections);
  // From now on each request goes to the next partition instead.
  void Spread() { spread_ = true; }

  std::string& Next(size_t connection) override;
  int64_t OnAnswer(size_t connection, std::string_view frame) override;

 private:
  std::vector<Request> requests_;
  int64_t batch_bytes_;
  int32_t partitions_;
  int16_t acks_;
  int32_t next_ = 0;
  bool spread_ = false;
};

// Reads partition i modulo `partitions` from the start to the end, and again.
class FetchLoad : public Workload {
 public:
  FetchLoad(const std::string& topic, int32_t partitions, int32_t max_bytes, size_t connections);

  std::string& Next(size_t connection) override { return requests_[connection].bytes; }
  int64_t OnAnswer(size_t connection, std::string_view frame) override;

 private:
  std::vector<Request> requests_;
};

// Creates topics `prefix`-0, -1, …, each with so many partitions; ends the program's measuring by `count`
// topics.
class CreateTopicsLoad : public Workload {
 public:
  CreateTopicsLoad(std::string prefix, int32_t partitions)
      : prefix_(std::move(prefix)), partitions_(partitions) {}

  std::string& Next(size_t connection) override;
  int64_t OnAnswer(size_t connection, std::string_view frame) override;  // 1 "byte" a topic

 private:
  std::string prefix_;
  int32_t partitions_;
  int32_t next_ = 0;
  std::string request_;
};

}  // namespace dohle::bench
