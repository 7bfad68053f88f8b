#include "operator/k8s/rest_client.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "lib/env/one_shot.h"
#include "operator/k8s/object.h"
#include "operator/k8s/request_path.h"
#include "operator/k8s/rest_client_http.h"
#include "operator/k8s/rest_watch.h"

namespace dohle::k8s {
namespace {

constexpr char kJson[] = "application/json";
constexpr char kMergePatch[] = "application/merge-patch+json";
constexpr char kApplyPatch[] = "application/apply-patch+yaml";  // JSON is YAML

Status Stopped() { return MakeStatus(StatusCode::kCancelled, "the client was closed"); }

// Strings that aren't UTF-8 come from our own mistakes; the server's refusal is clearer than an exception.
std::string Printed(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

// One HTTP request. `invalid`: it can't be made.
struct RestClient::Request {
  HttpRequest http;
  size_t max_answer_bytes = kMaxObjectBytes;
  Status invalid;

  static Request Make(std::string method, StatusOr<std::string> path, const Query& query,
                      std::string content_type, const Json& body) {
    Request request;
    request.invalid = path.status();
    request.http.method = std::move(method);
    if (path.ok()) request.http.path = *path + QueryString(query);
    request.http.content_type = std::move(content_type);
    if (!request.http.content_type.empty()) request.http.body = Printed(body);
    return request;
  }
};

struct RestClient::Parts {
  Parts(const ServerAccess& access, Options chosen, env::Env& env)
      : options(std::move(chosen)), random(env.random), tokens(access, env.file_system, env.clock) {}

  StatusOr<HttpRequest> Authorized(HttpRequest request) {
    if (calls == nullptr) return Stopped();
    DOHLE_ASSIGN_OR_RETURN(request.bearer_token, tokens.Token());
    return request;
  }
  // Every answer's status passes here.
  Status Looked(Status status) {
    if (status.code() == StatusCode::kUnauthenticated) tokens.Refused();
    return status;
  }

  const Options options;
  env::Random& random;
  TokenSource tokens;
  std::unique_ptr<HttpChannel> calls;  // null once stopped
  std::unique_ptr<HttpChannel> watches;
  absl::flat_hash_set<Call*> under_way;
  std::vector<std::weak_ptr<WatchStream>> streams;
};

// One request on its way. Owned by the coroutine that waits for it, so it breaks off where that is destroyed.
class RestClient::Call : public HttpObserver {
 public:
  struct Answer {
    HttpHead head;
    std::string body;
  };
  using Done = env::OneShot<StatusOr<Answer>>;

  Call(std::shared_ptr<Parts> parts, size_t max_bytes)
      : parts_(std::move(parts)), max_bytes_(max_bytes), done_(std::make_shared<Done>()) {
    parts_->under_way.insert(this);
  }
  ~Call() override { parts_->under_way.erase(this); }

  void Begin(std::unique_ptr<HttpExchange> exchange) { exchange_ = std::move(exchange); }
  const std::shared_ptr<Done>& done() const { return done_; }

  void OnHead(const HttpHead& head) override {
    answer_.head = head;
    const uint64_t length = head.content_length.value_or(0);
    if (length > max_bytes_) return Refuse();
    answer_.body.reserve(length);
  }
  void OnBytes(std::string bytes, absl::AnyInvocable<void()> taken) override {
    if (bytes.size() > max_bytes_ - answer_.body.size()) return Refuse();
    answer_.body += bytes;
    taken();
  }
  void OnEnd(Status status) override {
    exchange_.reset();
    if (!status.ok()) {
      done_->Set(std::move(status));
    } else {
      done_->Set(std::move(answer_));
    }
  }

 private:
  void Refuse() {
    OnEnd(MakeStatus(StatusCode::kUnavailable, "the answer has more than {} bytes", max_bytes_));
  }

  const std::shared_ptr<Parts> parts_;
  const size_t max_bytes_;
  std::unique_ptr<HttpExchange> exchange_;
  const std::shared_ptr<Done> done_;
  Answer answer_;
};

namespace {

// What the answer says: the object, or why there is none.
StatusOr<Json> Understood(const HttpHead& head, std::string body) {
  StatusOr<Json> json = ParseJson(body);
  if (head.code >= 200 && head.code < 300) {
    if (json.ok()) return json;
    return MakeStatus(StatusCode::kUnavailable, "a broken answer: {}", Message(json.status()));
  }
  Status status = StatusFromAnswer(head.code, json.ok() ? *json : Json());
  if (!head.retry_after || RetryAfter(status)) return status;
  return WithRetryAfter(std::move(status), *head.retry_after);
}

// Where the object is to be found that `object` describes.
StatusOr<std::string> PathOf(const Resource& resource, const Json& object, Subresource subresource) {
  return ObjectPath(resource, {FindString(object, "metadata.namespace"), FindString(object, "metadata.name")},
                    subresource);
}

StatusOr<ListPage> PageOf(const Resource& resource, Json answer) {
  const Json* items = Find(answer, "items");
  if (items == nullptr || (!items->is_array() && !items->is_null())) {
    return MakeStatus(StatusCode::kUnavailable, "a broken answer: a list without items");
  }
  ListPage page;
  page.resource_version = FindString(answer, "metadata.resourceVersion");
  page.continue_token = FindString(answer, "metadata.continue");
  if (items->is_null()) return page;  // Go's empty list
  page.items = std::move(answer["items"].get_ref<Json::array_t&>());
  for (Json& item : page.items) {
    if (!item.is_object())
      return MakeStatus(StatusCode::kUnavailable, "a broken answer: a list of no objects");
    // Lists of the built-in kinds come without them.
    item["apiVersion"] = resource.ApiVersion();
    item["kind"] = resource.kind;
  }
  return page;
}

Json BodyOf(const DeleteOptions& options) {
  Json body = {{"apiVersion", "v1"},
               {"kind", "DeleteOptions"},
               {"propagationPolicy", options.foreground ? "Foreground" : "Background"}};
  if (options.grace_period_s) body["gracePeriodSeconds"] = *options.grace_period_s;
  if (options.uid) body["preconditions"]["uid"] = *options.uid;
  if (options.resource_version) body["preconditions"]["resourceVersion"] = *options.resource_version;
  return body;
}

}  // namespace

StatusOr<std::unique_ptr<RestClient>> RestClient::Open(const ServerAccess& access, Options options,
                                                       env::Env& env) {
  auto parts = std::make_shared<Parts>(access, options, env);
  HttpChannel::Options http;
  http.user_agent = "dohle-operator/" + options.version;
  http.idle_timeout = options.request_timeout;
  DOHLE_ASSIGN_OR_RETURN(parts->calls, OpenHttpChannel(access, http, *env.executors[0]));
  // Longer than the longest watch: a server that went away without a word is noticed in the end.
  http.idle_timeout = options.watch_duration * 1.2 + options.request_timeout;
  DOHLE_ASSIGN_OR_RETURN(parts->watches, OpenHttpChannel(access, http, *env.executors[0]));
  return std::unique_ptr<RestClient>(new RestClient(std::move(parts)));
}

RestClient::RestClient(std::shared_ptr<Parts> parts) : parts_(std::move(parts)) {}

RestClient::~RestClient() {
  for (const std::weak_ptr<WatchStream>& watched : parts_->streams) {
    if (const auto stream = watched.lock()) stream->End(Stopped());
  }
  for (Call* call : parts_->under_way) call->OnEnd(Stopped());
  parts_->calls.reset();
  parts_->watches.reset();
}

env::Task<StatusOr<Json>> RestClient::Perform(std::shared_ptr<Parts> parts, Request request) {
  DOHLE_CO_RETURN_IF_ERROR(request.invalid);
  const std::string what = request.http.method + " " + request.http.path;
  DOHLE_CO_ASSIGN_OR_RETURN(HttpRequest http, parts->Authorized(std::move(request.http)));
  const auto call = std::make_shared<Call>(parts, request.max_answer_bytes);
  call->Begin(parts->calls->Start(std::move(http), call));
  const std::shared_ptr<Call::Done> done = call->done();
  std::optional<StatusOr<Call::Answer>> answer = co_await done->WaitFor(parts->options.request_timeout);
  if (!answer) {
    co_return MakeStatus(StatusCode::kDeadlineExceeded, "{}: no answer within {}", what,
                         absl::FormatDuration(parts->options.request_timeout));
  }
  DOHLE_CO_RETURN_IF_ERROR(answer->status());
  StatusOr<Json> object = Understood((*answer)->head, std::move((*answer)->body));
  static_cast<void>(parts->Looked(object.status()));
  co_return object;
}

env::Task<StatusOr<ListPage>> RestClient::ReadPage(std::shared_ptr<Parts> parts, Resource resource,
                                                   ListOptions options) {
  const Query query = {{"limit", std::to_string(options.limit)},
                       {"continue", options.continue_token},
                       {"labelSelector", options.selector.labels},
                       {"fieldSelector", options.selector.fields}};
  Request request = Request::Make("GET", CollectionPath(resource, options.ns), query, "", Json());
  request.max_answer_bytes = kMaxListBytes;
  DOHLE_CO_ASSIGN_OR_RETURN(Json answer, co_await Perform(parts, std::move(request)));
  co_return PageOf(resource, std::move(answer));
}

env::Task<StatusOr<std::unique_ptr<Watch>>> RestClient::OpenWatch(std::shared_ptr<Parts> parts,
                                                                  Resource resource, WatchOptions options) {
  const int64_t seconds = std::max<int64_t>(absl::ToInt64Seconds(parts->options.watch_duration), 1);
  const int64_t jitter = static_cast<int64_t>(parts->random.Below(static_cast<uint64_t>(seconds / 10 + 1)));
  const Query query = {{"watch", "true"},
                       {"allowWatchBookmarks", "true"},
                       {"resourceVersion", options.resource_version},
                       {"labelSelector", options.selector.labels},
                       {"fieldSelector", options.selector.fields},
                       {"timeoutSeconds", std::to_string(seconds + jitter)}};
  HttpRequest request;
  request.path = CollectionPath(resource, options.ns) + QueryString(query);
  DOHLE_CO_ASSIGN_OR_RETURN(HttpRequest http, parts->Authorized(std::move(request)));
  const auto stream = std::make_shared<WatchStream>();
  std::erase_if(parts->streams, [](const auto& watched) { return watched.expired(); });
  parts->streams.push_back(stream);
  stream->Begin(parts->watches->Start(std::move(http), stream));
  const std::shared_ptr<env::OneShot<Status>> opened = stream->opened();
  const std::optional<Status> status = co_await opened->WaitFor(parts->options.request_timeout);
  if (!status) {
    co_return MakeStatus(StatusCode::kDeadlineExceeded, "watching {}: no answer within {}", resource.plural,
                         absl::FormatDuration(parts->options.request_timeout));
  }
  DOHLE_CO_RETURN_IF_ERROR(parts->Looked(*status));
  co_return std::make_unique<RestWatch>(stream);
}

env::Task<Status> RestClient::Remove(std::shared_ptr<Parts> parts, Request request) {
  const StatusOr<Json> answer = co_await Perform(std::move(parts), std::move(request));
  co_return answer.status();
}

env::Task<StatusOr<Json>> RestClient::Get(Resource resource, ObjectName name) {
  return Perform(parts_, Request::Make("GET", ObjectPath(resource, name), {}, "", Json()));
}

env::Task<StatusOr<ListPage>> RestClient::List(Resource resource, ListOptions options) {
  return ReadPage(parts_, resource, std::move(options));
}

env::Task<StatusOr<std::unique_ptr<Watch>>> RestClient::StartWatch(Resource resource, WatchOptions options) {
  return OpenWatch(parts_, resource, std::move(options));
}

env::Task<StatusOr<Json>> RestClient::Create(Resource resource, Json object) {
  StatusOr<std::string> path = PathOf(resource, object, Subresource::kNone);
  if (path.ok()) path = CollectionPath(resource, FindString(object, "metadata.namespace"));
  return Perform(parts_, Request::Make("POST", std::move(path), {}, kJson, object));
}

env::Task<StatusOr<Json>> RestClient::Replace(Resource resource, Json object, Subresource subresource) {
  return Perform(parts_, Request::Make("PUT", PathOf(resource, object, subresource), {}, kJson, object));
}

env::Task<StatusOr<Json>> RestClient::Apply(Resource resource, Json object, ApplyOptions options) {
  const Query query = {{"fieldManager", options.field_manager}, {"force", options.force ? "true" : "false"}};
  return Perform(parts_, Request::Make("PATCH", PathOf(resource, object, options.subresource), query,
                                       kApplyPatch, object));
}

env::Task<StatusOr<Json>> RestClient::MergePatch(Resource resource, ObjectName name, Json patch,
                                                 Subresource subresource) {
  return Perform(parts_,
                 Request::Make("PATCH", ObjectPath(resource, name, subresource), {}, kMergePatch, patch));
}

env::Task<Status> RestClient::Delete(Resource resource, ObjectName name, DeleteOptions options) {
  return Remove(parts_, Request::Make("DELETE", ObjectPath(resource, name), {}, kJson, BodyOf(options)));
}

}  // namespace dohle::k8s
