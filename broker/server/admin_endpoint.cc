#include "broker/server/admin_endpoint.h"

#include <fmt/format.h>

#include <utility>

namespace dohle::server {
namespace {

http::HttpResponse Text(int status, std::string body) {
  http::HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

env::Task<http::HttpResponse> Alive() { co_return Text(200, "alive\n"); }
env::Task<http::HttpResponse> Say(std::string line) { co_return Text(200, std::move(line)); }

}  // namespace

StatusOr<std::unique_ptr<AdminEndpoint>> AdminEndpoint::Listen(env::Env& env, const env::Endpoint& endpoint,
                                                               std::string version) {
  std::unique_ptr<AdminEndpoint> made(new AdminEndpoint());
  AdminEndpoint* self = made.get();
  std::vector<http::HttpRoute> routes;
  routes.push_back({"/metrics", [self] { return self->Metrics(); }});
  routes.push_back({"/healthz", [] { return Alive(); }});
  routes.push_back({"/readyz", [self] { return self->Readiness(); }});
  routes.push_back({"/version", [line = std::move(version) + "\n"] { return Say(line); }});
  auto http = http::HttpServer::Listen(env, endpoint, std::move(routes));
  if (!http.ok()) {
    return MakeStatus(
        http.status().code(),
        "metrics and health can't be served on {}: {}; where several brokers share a machine each needs a "
        "metrics.port of its own (-1: none)",
        ToString(endpoint), Message(http.status()));
  }
  made->http_ = std::move(*http);
  return made;
}

void AdminEndpoint::Ready(MetricsScraper* scraper) {
  scraper_ = scraper;
  ready_ = true;
}

void AdminEndpoint::Stop() {
  ready_ = false;
  http_->Stop();
}

std::string AdminEndpoint::metrics_url() const {
  env::Endpoint local = http_->local();
  if (local.host == "0.0.0.0" || local.host == "::") local.host = "localhost";
  return fmt::format("http://{}/metrics", ToString(local));
}

env::Task<http::HttpResponse> AdminEndpoint::Readiness() {
  co_return ready_ ? Text(200, "ready\n") : Text(503, "the broker doesn't serve: it starts or stops\n");
}

env::Task<http::HttpResponse> AdminEndpoint::Metrics() {
  if (!ready_) co_return Text(503, "the broker doesn't serve: it starts or stops\n");
  http::HttpResponse response;
  response.content_type = http::kMetricsContentType;
  response.body = co_await Scrape();
  co_return response;
}

env::Task<std::string> AdminEndpoint::Scrape() {
  for (;;) {
    std::shared_ptr<env::OneShot<bool>> turn;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!std::exchange(scraping_, true)) break;
      turn = waiting_.emplace_back(std::make_shared<env::OneShot<bool>>());
    }
    co_await turn->WaitForever();
  }
  std::string text = co_await scraper_.load()->Scrape();
  std::vector<std::shared_ptr<env::OneShot<bool>>> waiting;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    scraping_ = false;
    waiting.swap(waiting_);
  }
  for (const auto& turn : waiting) turn->Set(true);
  co_return text;
}

}  // namespace dohle::server
