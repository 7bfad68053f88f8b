// The broker's configuration as it is now: what it started with, and over it what was set dynamically for all
// brokers and for this one (KIP-226). A metadata publisher; reading is for any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "broker/metadata/publisher.h"
#include "broker/server/config/broker_config.h"

namespace dohle::server {

class LiveConfig : public metadata::MetadataPublisher {
 public:
  explicit LiveConfig(LoadedConfig started_with);

  // Never null. What can't change at run time is in it as it was at the start.
  std::shared_ptr<const LoadedConfig> Current() const { return current_.Current(); }
  const LoadedConfig& started_with() const { return *started_with_; }
  // Changes of the metadata that couldn't be taken over.
  int64_t errors() const { return errors_; }

  std::string_view name() const override { return "live config"; }
  env::Task<void> Publish(const metadata::MetadataUpdate& update) override;

 private:
  const std::shared_ptr<const LoadedConfig> started_with_;
  metadata::Published<LoadedConfig> current_;
  std::atomic<int64_t> errors_{0};
};

}  // namespace dohle::server
