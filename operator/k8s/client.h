// The Kubernetes API as the operator uses it. rest_client.h speaks to a real API server, local/api_store.h is
// one in memory; tests put faults in between (testing/faulty_client.h).
//
// All calls on the operator's one executor, and they resume there. Failures, whichever the implementation:
//   kNotFound            404
//   kAlreadyExists       409 AlreadyExists
//   kAborted             409 Conflict: somebody else changed it; read again
//   kInvalidArgument     400, 422: the object is refused; the message names the fields
//   kFailedPrecondition  a precondition of a delete, or an eviction refused by a disruption budget (429
//   there) kOutOfRange          410: the resource version is too old; list again kResourceExhausted   429:
//   RetryAfter() may say when kPermissionDenied    403          kUnauthenticated  401 kUnavailable 5xx, no
//   connection, a broken answer: whether it was done is unknown kDeadlineExceeded    no answer in time:
//   likewise
// Implementations don't retry: who called knows whether that still makes sense (runtime/back_off.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "lib/base/status.h"
#include "lib/env/task.h"
#include "operator/k8s/json.h"
#include "operator/k8s/resource.h"

namespace dohle::k8s {

// Bounds of what one answer may take.
inline constexpr size_t kMaxObjectBytes = size_t{4} << 20;  // etcd takes 1.5 MiB
inline constexpr size_t kMaxListBytes = size_t{64} << 20;   // one page
inline constexpr int kListPageSize = 500;

struct Selector {
  std::string labels;  // "app=x,tier in (a,b)", as in the query; "" = all
  std::string fields;  // "metadata.name=x"
};

struct ListOptions {
  std::string ns;  // "" = all namespaces
  Selector selector;
  int limit = kListPageSize;
  std::string continue_token;  // of the page before
};
struct ListPage {
  std::vector<Json> items;  // with apiVersion and kind
  std::string resource_version;
  std::string continue_token;  // "" = the last page
};

struct WatchOptions {
  std::string ns;
  Selector selector;
  std::string resource_version;  // events after this one; bookmarks are always asked for
};
struct WatchEvent {
  enum class Type { kAdded, kModified, kDeleted, kBookmark };
  Type type = Type::kBookmark;
  std::shared_ptr<const Json> object;  // of a bookmark: metadata.resourceVersion only
};

class Watch {
 public:
  virtual ~Watch() = default;  // closes
  // The next event. kDeadlineExceeded: nothing came for `patience`, the watch still stands; kOutOfRange: list
  // again; kUnavailable: the stream ended, watch again from the last resource version; kCancelled: Close was
  // called. One waiter.
  virtual env::Task<StatusOr<WatchEvent>> Next(absl::Duration patience) = 0;
  // Wakes who waits in Next. Idempotent.
  virtual void Close() = 0;
};

enum class Subresource { kNone, kStatus, kScale };

struct ApplyOptions {
  std::string field_manager;
  bool force = true;  // takes over fields that others own
  Subresource subresource = Subresource::kNone;
};

struct DeleteOptions {
  std::optional<std::string> uid;  // preconditions: kAborted if they don't hold
  std::optional<std::string> resource_version;
  std::optional<int64_t> grace_period_s;
  bool foreground = false;  // propagationPolicy: Foreground; else Background
};

class Client {
 public:
  virtual ~Client() = default;

  virtual env::Task<StatusOr<Json>> Get(Resource resource, ObjectName name) = 0;
  virtual env::Task<StatusOr<ListPage>> List(Resource resource, ListOptions options) = 0;
  virtual env::Task<StatusOr<std::unique_ptr<Watch>>> StartWatch(Resource resource, WatchOptions options) = 0;

  // Each of these returns the object as it is stored afterwards.
  virtual env::Task<StatusOr<Json>> Create(Resource resource, Json object) = 0;
  // PUT: the whole object; metadata.resourceVersion in it, if any, must still be the stored one.
  virtual env::Task<StatusOr<Json>> Replace(Resource resource, Json object, Subresource subresource) = 0;
  // Server-side apply: makes or changes the object so that it has these fields, which `field_manager` then
  // owns; fields that it owned and doesn't name any more are removed.
  virtual env::Task<StatusOr<Json>> Apply(Resource resource, Json object, ApplyOptions options) = 0;
  // JSON merge patch (RFC 7396).
  virtual env::Task<StatusOr<Json>> MergePatch(Resource resource, ObjectName name, Json patch,
                                               Subresource subresource) = 0;
  // OK also says: it is being deleted, finalizers may keep it for a while.
  virtual env::Task<Status> Delete(Resource resource, ObjectName name, DeleteOptions options) = 0;
};

// What a 429 or 503 said of when to come again; attached to the status by the client.
std::optional<absl::Duration> RetryAfter(const Status& status);
Status WithRetryAfter(Status status, absl::Duration delay);

// A Status object of the API (metav1.Status) or, if `body` isn't one, an HTTP code as a Status of ours.
Status StatusFromAnswer(int http_code, const Json& body);

}  // namespace dohle::k8s
