// For tests: a metadata log that decides nothing and says what it is told to. Those who need more of it
// derive.
#pragma once

#include <memory>

#include "broker/metadata/metadata_log.h"

namespace dohle::metadata {

class FakeMetadataLog : public MetadataLog {
 public:
  void AddPublisher(MetadataPublisher*) override {}
  void AddQuorumListener(QuorumListener*) override {}
  env::Task<Status> Start() override { co_return OkStatus(); }
  env::Task<Status> WaitUntilCaughtUp() override { co_return OkStatus(); }
  env::Task<StatusOr<Offset>> Write(Decide) override { co_return Offset(0); }
  env::Task<StatusOr<raft::OffsetAndEpoch>> TakeSnapshot() override { co_return raft::OffsetAndEpoch(); }
  env::Task<Status> Stop() override { co_return OkStatus(); }
  QuorumApi* quorum_api() override { return nullptr; }
  const MetadataCache& cache() const override { return cache_; }
  Offset applied_offset() const override { return cache_.Current()->provenance.last_contained_offset; }
  QuorumDescription Describe() const override { return description; }
  std::shared_ptr<const QuorumLeader> leader() const override {
    return std::make_shared<const QuorumLeader>();
  }

  void SetImage(ImagePtr image) { cache_.Set(std::move(image)); }
  QuorumDescription description;

 private:
  MetadataCache cache_;
};

}  // namespace dohle::metadata
