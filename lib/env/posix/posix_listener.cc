#include "lib/env/posix/posix_listener.h"

#include <sys/socket.h>

#include <cerrno>
#include <mutex>
#include <utility>

#include "lib/base/log.h"
#include "lib/env/posix/errno_status.h"
#include "lib/env/posix/posix_connection.h"
#include "lib/env/posix/socket.h"

namespace dohle::env {
namespace {

constexpr int kAcceptsPerTurn = 64;
const absl::Duration kPause = absl::Milliseconds(100);
const absl::Duration kBetweenWarnings = absl::Seconds(30);

// A dealt-out connection's place among those of its loop, until the connection takes it over.
class Place {
 public:
  explicit Place(EventLoop* loop) : loop_(loop) {
    loop_->connections.fetch_add(1, std::memory_order_relaxed);
  }
  Place(Place&& other) noexcept : loop_(std::exchange(other.loop_, nullptr)) {}
  ~Place() {
    if (loop_ != nullptr) loop_->connections.fetch_sub(1, std::memory_order_relaxed);
  }
  EventLoop* loop() { return loop_; }
  EventLoop& TakeOver() { return *std::exchange(loop_, nullptr); }

 private:
  EventLoop* loop_;
};

}  // namespace

class PosixListener::Acceptor final : public std::enable_shared_from_this<Acceptor>,
                                      private EventLoop::Handler {
 public:
  Acceptor(UniqueFd fd, Endpoint local, std::vector<EventLoop*> loops, AcceptHandler handler)
      : fd_(std::move(fd)),
        local_(std::move(local)),
        loops_(std::move(loops)),
        handler_(std::move(handler)) {}

  EventLoop& home() { return *loops_.front(); }

  void Start() {
    if (stopped()) return;
    watched_ = home().Watch(fd_.get(), this);
    AcceptSome();
  }

  void Stop() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (std::exchange(stopped_, true)) return;
      // Frees the port at once; the descriptor stays until its loop has let go of it.
      ::shutdown(fd_.get(), SHUT_RDWR);
    }
    home().Post([self = shared_from_this()] { self->LetGo(); });
  }

 private:
  bool stopped() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return stopped_;
  }

  void LetGo() {
    if (std::exchange(watched_, false)) home().Unwatch(fd_.get(), this);
    fd_.Reset();
  }

  void OnEvents(uint32_t /*epoll_events*/) override {
    if (!paused_) AcceptSome();
  }

  void AcceptSome() {
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
      SocketAddress peer;
      peer.length = sizeof(peer.storage);
      UniqueFd fd;
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (stopped_) return;
        fd = UniqueFd(::accept4(fd_.get(), peer.get(), &peer.length, SOCK_NONBLOCK | SOCK_CLOEXEC));
      }
      if (fd.valid()) {
        Deal(std::move(fd), ToEndpoint(peer));
      } else if (!GoOnAfter(errno)) {
        return;
      }
    }
    home().Post([self = shared_from_this()] { self->AcceptSome(); });
  }

  // False: nothing more for now.
  bool GoOnAfter(int error) {
    if (error == EAGAIN) return false;
    if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM) return true;
    const MonotonicTime now = home().clock().Now();
    if (warned_ == MonotonicTime() || now - warned_ >= kBetweenWarnings) {
      warned_ = now;
      log::Warning("env", "{}; clients wait, and it is tried again every {} ms",
                   Message(ErrnoStatus(error, "accept connections on", ToString(local_))),
                   absl::ToInt64Milliseconds(kPause));
    }
    paused_ = true;
    home().RunAfter(kPause, [self = shared_from_this()] {
      self->paused_ = false;
      self->AcceptSome();
    });
    return false;
  }

  void Deal(UniqueFd fd, Endpoint peer) {
    SetNoDelay(fd.get());
    Place place(LeastLoaded());
    EventLoop& loop = *place.loop();
    loop.Post([self = shared_from_this(), fd = std::move(fd), peer = std::move(peer),
               place = std::move(place)]() mutable {
      if (self->stopped()) return;
      auto connection = std::make_unique<PosixConnection>(place.TakeOver(), std::move(fd), std::move(peer));
      if (!connection->closed()) self->handler_(std::move(connection));
    });
  }

  // Ties go round, so that a burst of connections that are counted later spreads too.
  EventLoop* LeastLoaded() {
    const size_t first = next_++ % loops_.size();
    EventLoop* best = loops_[first];
    int fewest = best->connections.load(std::memory_order_relaxed);
    for (size_t i = 1; i < loops_.size(); ++i) {
      EventLoop* loop = loops_[(first + i) % loops_.size()];
      const int connections = loop->connections.load(std::memory_order_relaxed);
      if (connections >= fewest) continue;
      best = loop;
      fewest = connections;
    }
    return best;
  }

  UniqueFd fd_;
  const Endpoint local_;
  const std::vector<EventLoop*> loops_;
  const AcceptHandler handler_;

  std::mutex mutex_;  // held over accept4, so that nothing is accepted once Stop has returned
  bool stopped_ = false;

  // The home loop's own.
  bool watched_ = false;
  bool paused_ = false;
  size_t next_ = 0;
  MonotonicTime warned_;
};

PosixListener::PosixListener(UniqueFd fd, Endpoint local, std::vector<EventLoop*> loops,
                             AcceptHandler handler)
    : local_(std::move(local)),
      acceptor_(std::make_shared<Acceptor>(std::move(fd), local_, std::move(loops), std::move(handler))) {
  acceptor_->home().Post([acceptor = acceptor_] { acceptor->Start(); });
}

PosixListener::~PosixListener() { Stop(); }

void PosixListener::Stop() { acceptor_->Stop(); }

}  // namespace dohle::env
