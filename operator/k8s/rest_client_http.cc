#include "operator/k8s/rest_client_http.h"

#include <cpprest/http_client.h>
#include <pplx/threadpool.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <utility>

namespace dohle::k8s {
namespace {

namespace http = web::http;
namespace ssl = boost::asio::ssl;
namespace streams = Concurrency::streams;

constexpr size_t kThreads = 2;  // one would do: they only move bytes
constexpr int64_t kMaxRetryAfterS = 3600;

// The way from cpprestsdk's threads to the executor. The lock keeps the executor from going away, after
// Close, under a thread that is handing over.
class Bridge {
 public:
  explicit Bridge(env::Executor& executor) : executor_(&executor) {}
  void Post(absl::AnyInvocable<void()> work) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (executor_ != nullptr) executor_->Post(std::move(work));
  }
  void Close() {
    const std::lock_guard<std::mutex> lock(mutex_);
    executor_ = nullptr;
  }

 private:
  std::mutex mutex_;
  env::Executor* executor_;
};

// Where to an exchange reports. The observer is looked up on the executor only: there it lives and dies.
struct Report {
  std::shared_ptr<Bridge> bridge;
  std::weak_ptr<HttpObserver> observer;
  std::string what;             // "GET /api/v1/pods", for messages
  std::shared_ptr<bool> ended;  // the executor's

  void Head(HttpHead head) const {
    bridge->Post([observer = observer, head] {
      if (const auto to = observer.lock()) to->OnHead(head);
    });
  }
  void End(Status status) const {
    bridge->Post([observer = observer, ended = ended, status = std::move(status)]() mutable {
      *ended = true;
      if (const auto to = observer.lock()) to->OnEnd(std::move(status));
    });
  }
  // Done once the observer has taken them; cancelled if it never does.
  pplx::task<size_t> Bytes(std::string bytes) const {
    const size_t size = bytes.size();
    pplx::task_completion_event<size_t> event;
    bridge->Post([observer = observer, bytes = std::move(bytes), event, size]() mutable {
      if (const auto to = observer.lock()) to->OnBytes(std::move(bytes), [event, size] { event.set(size); });
    });
    return pplx::create_task(event);
  }
};

// A response stream that keeps nothing: cpprestsdk's own grows without bound, this one makes it wait.
class BodySink : public streams::details::streambuf_state_manager<uint8_t> {
 public:
  explicit BodySink(std::shared_ptr<const Report> report)
      : streambuf_state_manager(std::ios_base::out), report_(std::move(report)) {}

  bool can_seek() const override { return false; }
  bool has_size() const override { return false; }
  size_t buffer_size(std::ios_base::openmode) const override { return 0; }
  void set_buffer_size(size_t, std::ios_base::openmode) override {}
  size_t in_avail() const override { return 0; }
  pos_type getpos(std::ios_base::openmode) const override { return {traits::eof()}; }
  pos_type seekpos(pos_type, std::ios_base::openmode) override { return {traits::eof()}; }
  pos_type seekoff(off_type, std::ios_base::seekdir, std::ios_base::openmode) override {
    return {traits::eof()};
  }
  bool acquire(uint8_t*&, size_t&) override { return false; }
  void release(uint8_t*, size_t) override {}

 protected:
  pplx::task<int_type> _putc(uint8_t byte) override {
    return report_->Bytes(std::string(1, static_cast<char>(byte))).then([byte](size_t) -> int_type {
      return byte;
    });
  }
  pplx::task<size_t> _putn(const uint8_t* bytes, size_t size) override {
    return report_->Bytes(std::string(reinterpret_cast<const char*>(bytes), size));
  }
  pplx::task<bool> _sync() override { return pplx::task_from_result(true); }
  uint8_t* _alloc(size_t) override { return nullptr; }
  void _commit(size_t) override {}

  pplx::task<int_type> _bumpc() override { return pplx::task_from_result<int_type>(traits::eof()); }
  int_type _sbumpc() override { return traits::eof(); }
  pplx::task<int_type> _getc() override { return pplx::task_from_result<int_type>(traits::eof()); }
  int_type _sgetc() override { return traits::eof(); }
  pplx::task<int_type> _nextc() override { return pplx::task_from_result<int_type>(traits::eof()); }
  pplx::task<int_type> _ungetc() override { return pplx::task_from_result<int_type>(traits::eof()); }
  pplx::task<size_t> _getn(uint8_t*, size_t) override { return pplx::task_from_result<size_t>(0); }
  size_t _scopy(uint8_t*, size_t) override { return 0; }

 private:
  const std::shared_ptr<const Report> report_;
};

HttpHead HeadOf(const http::http_response& response) {
  HttpHead head;
  head.code = response.status_code();
  uint64_t length = 0;
  if (response.headers().match(http::header_names::content_length, length)) head.content_length = length;
  int64_t retry_after_s = 0;
  if (response.headers().match("Retry-After", retry_after_s) && retry_after_s > 0) {
    head.retry_after = absl::Seconds(std::min(retry_after_s, kMaxRetryAfterS));
  }
  return head;
}

// The exception that is being handled.
Status CurrentFailure(const std::string& what) {
  try {
    throw;
  } catch (const http::http_exception& e) {
    const StatusCode code =
        e.error_code().value() == ETIMEDOUT ? StatusCode::kDeadlineExceeded : StatusCode::kUnavailable;
    return MakeStatus(code, "{}: {}", what, e.what());
  } catch (const pplx::task_canceled&) {
    return MakeStatus(StatusCode::kUnavailable, "{}: broken off", what);
  } catch (const std::exception& e) {
    return MakeStatus(StatusCode::kUnavailable, "{}: {}", what, e.what());
  }
}

// Once more only what an authority of the cluster says counts: cpprestsdk has put the machine's there before.
void ConfigureTls(const ServerAccess& access, ssl::context* context) {
  if (!access.ca.empty()) {
    *context = ssl::context(ssl::context::tls_client);
    context->add_certificate_authority(boost::asio::buffer(access.ca));
  }
  context->set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 | ssl::context::no_sslv3 |
                       ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1);
  if (access.client_certificate.empty()) return;
  context->use_certificate_chain(boost::asio::buffer(access.client_certificate));
  context->use_private_key(boost::asio::buffer(access.client_key), ssl::context::pem);
}

http::client::http_client_config ConfigOf(const std::shared_ptr<const ServerAccess>& access,
                                          const HttpChannel::Options& options) {
  http::client::http_client_config config;
  config.set_timeout(std::chrono::milliseconds(absl::ToInt64Milliseconds(options.idle_timeout)));
  config.set_max_redirects(0);
  config.set_validate_certificates(!access->skip_verification);
  config.set_ssl_context_callback([access](ssl::context& context) { ConfigureTls(*access, &context); });
  return config;
}

class Exchange : public HttpExchange {
 public:
  Exchange(pplx::cancellation_token_source cancel, std::shared_ptr<const bool> ended)
      : cancel_(std::move(cancel)), ended_(std::move(ended)) {}
  // Cancelling closes the connection, also at the very end, when it might have been kept.
  ~Exchange() override {
    if (!*ended_) cancel_.cancel();
  }

 private:
  const pplx::cancellation_token_source cancel_;
  const std::shared_ptr<const bool> ended_;
};

class Channel : public HttpChannel {
 public:
  Channel(const std::shared_ptr<const ServerAccess>& access, Options options, env::Executor& executor)
      : access_(access),
        options_(std::move(options)),
        bridge_(std::make_shared<Bridge>(executor)),
        client_(access->server, ConfigOf(access, options_)) {}
  ~Channel() override { bridge_->Close(); }

  std::unique_ptr<HttpExchange> Start(HttpRequest request, std::weak_ptr<HttpObserver> observer) override {
    auto report = std::make_shared<const Report>(Report{
        bridge_, std::move(observer), request.method + " " + request.path, std::make_shared<bool>(false)});
    const pplx::cancellation_token_source cancel;
    try {
      client_.request(MessageOf(std::move(request), report), cancel.get_token())
          .then([report](const pplx::task<http::http_response>& answered) { OnAnswer(report, answered); });
    } catch (...) {
      report->End(CurrentFailure(report->what));
    }
    return std::make_unique<Exchange>(cancel, report->ended);
  }

 private:
  http::http_request MessageOf(HttpRequest request, const std::shared_ptr<const Report>& report) const {
    http::http_request message(request.method);
    message.set_request_uri(web::uri(request.path));
    message.headers().add(http::header_names::accept, "application/json");
    message.headers().add(http::header_names::user_agent, options_.user_agent);
    if (!request.bearer_token.empty()) {
      message.headers().add(http::header_names::authorization, "Bearer " + request.bearer_token);
    }
    // cpprestsdk takes the name to verify from here.
    if (!access_->tls_server_name.empty()) {
      message.headers().add(http::header_names::host, access_->tls_server_name);
    }
    if (!request.content_type.empty()) message.set_body(std::move(request.body), request.content_type);
    message.set_response_stream(
        streams::streambuf<uint8_t>(std::make_shared<BodySink>(report)).create_ostream());
    return message;
  }

  // Every failed task's exception must be looked at: cpprestsdk ends the program otherwise.
  static void OnAnswer(const std::shared_ptr<const Report>& report,
                       const pplx::task<http::http_response>& answered) {
    try {
      const http::http_response response = answered.get();
      report->Head(HeadOf(response));
      response.content_ready().then([report](const pplx::task<http::http_response>& ended) {
        try {
          ended.get();
          report->End(OkStatus());
        } catch (...) {
          report->End(CurrentFailure(report->what));
        }
      });
    } catch (...) {
      report->End(CurrentFailure(report->what));
    }
  }

  const std::shared_ptr<const ServerAccess> access_;
  const Options options_;
  const std::shared_ptr<Bridge> bridge_;
  http::client::http_client client_;
};

void StartThreads() {
  static const bool started = [] {
    try {
      crossplat::threadpool::initialize_with_threads(kThreads);
    } catch (const std::exception&) {
      return false;  // somebody else in this process has started them
    }
    return true;
  }();
  static_cast<void>(started);
}

}  // namespace

StatusOr<std::unique_ptr<HttpChannel>> OpenHttpChannel(const ServerAccess& access,
                                                       HttpChannel::Options options,
                                                       env::Executor& executor) {
  const auto shared = std::make_shared<const ServerAccess>(access);
  try {
    StartThreads();
    ssl::context tried(ssl::context::tls_client);
    ConfigureTls(*shared, &tried);
    return std::make_unique<Channel>(shared, std::move(options), executor);
  } catch (const std::exception& e) {
    return MakeStatus(StatusCode::kInvalidArgument, "what is said of the API server {} is of no use: {}",
                      access.server, e.what());
  }
}

}  // namespace dohle::k8s
