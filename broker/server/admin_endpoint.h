// /metrics, /healthz, /readyz and /version of a broker over its whole life: it listens before anything is
// recovered and is the last to go.
//
// Made, and told what has become of the broker, by the composition root; answers on any executor.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "broker/server/metrics/metrics_scraper.h"
#include "lib/base/status.h"
#include "lib/env/env.h"
#include "lib/env/one_shot.h"
#include "lib/http/http_server.h"

namespace dohle::server {

class AdminEndpoint {
 public:
  // kUnavailable with what to do if the address is taken. The environment outlives the endpoint, and the
  // endpoint the environment's Stop. `version` is what /version answers.
  static StatusOr<std::unique_ptr<AdminEndpoint>> Listen(env::Env& env, const env::Endpoint& endpoint,
                                                         std::string version);

  // The broker serves: /readyz says so and /metrics answers. `scraper` outlives the environment's Stop. Once.
  void Ready(MetricsScraper* scraper);
  // The broker stops: 503 from now on.
  void NotReady() { ready_ = false; }
  // Answers nobody any more.
  void Stop();

  // "http://localhost:9404/metrics"
  std::string metrics_url() const;

 private:
  AdminEndpoint() = default;
  env::Task<http::HttpResponse> Metrics();
  env::Task<http::HttpResponse> Readiness();
  env::Task<std::string> Scrape();

  std::atomic<bool> ready_{false};
  std::atomic<MetricsScraper*> scraper_{nullptr};
  std::mutex mutex_;  // guards the two below
  bool scraping_ = false;
  std::vector<std::shared_ptr<env::OneShot<bool>>> waiting_;  // scrapes follow each other
  std::unique_ptr<http::HttpServer> http_;
};

}  // namespace dohle::server
