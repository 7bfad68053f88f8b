// Events for people (kubectl describe, kubectl events): https://kubernetes.io/docs/reference/kubernetes-api/
// cluster-resources/event-v1/ What is recorded again within a while becomes a series of the first one instead
// of an event of its own. Best effort: the queue and the rate are bounded, what doesn't fit is counted and
// forgotten. The executor's thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "lib/env/env.h"
#include "lib/env/one_shot.h"
#include "lib/env/stop_signal.h"
#include "operator/k8s/client.h"

namespace dohle::k8s {

inline constexpr char kReportingController[] = "dohle.dev/operator";

enum class EventType { kNormal, kWarning };

// Which object an event is about.
struct Regarding {
  std::string api_version;
  std::string kind;
  ObjectName name;
  std::string uid;
};
// Of an object as it was read.
Regarding RegardingOf(const Json& object);

class EventRecorder {
 public:
  struct Options {
    std::string reporting_instance;                    // the operator's pod
    size_t max_queued = 256;                           // events that wait to be written
    size_t max_known = 1024;                           // that may still become a series
    absl::Duration series_window = absl::Minutes(10);  // the same again after so long is a new event
    double per_second = 5;
    double burst = 25;
  };
  struct Counts {
    int64_t written = 0;
    int64_t dropped = 0;  // the queue was full, or the server wouldn't take it
  };

  // `client` and `env` outlive Run.
  EventRecorder(Client& client, env::Env& env, Options options);

  // `reason` and `action` in UpperCamelCase; `note` is for people, cut after 1 KiB. Never waits.
  void Record(const Regarding& regarding, EventType type, std::string_view reason, std::string_view action,
              std::string_view note);
  // Writes what is recorded, until Stop. Once; this object outlives it.
  env::Task<void> Run();
  // What is queued then is not written.
  void Stop();
  const Counts& counts() const { return counts_; }

 private:
  struct Entry {
    Regarding regarding;
    std::string event_name;  // "" = not chosen yet
    bool created = false;    // the server has it, as far as we know
    EventType type = EventType::kNormal;
    std::string reason;
    std::string action;
    std::string note;
    int64_t count = 1;
    int64_t first_ms = 0;
    int64_t last_ms = 0;
    bool queued = false;
  };

  bool MakeRoom(int64_t now_ms);
  void Enqueue(const std::string& key, Entry* entry);
  Json EventOf(const Entry& entry) const;
  std::string NewName(const Regarding& regarding);
  env::Task<void> WaitForToken();
  env::Task<void> WriteWithRetries(std::string key);
  env::Task<Status> Write(std::string key);
  void SetCreated(const std::string& key, const std::string& event_name, bool created);

  Client& client_;
  env::Env& env_;
  const Options options_;
  absl::flat_hash_map<std::string, Entry> known_;
  std::deque<std::string> queue_;  // keys of known_
  std::shared_ptr<env::OneShot<bool>> waiter_;
  env::StopSignal stop_;
  double tokens_;
  env::MonotonicTime tokens_at_;
  Counts counts_;
};

}  // namespace dohle::k8s
