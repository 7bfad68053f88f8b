#include "lib/env/sim/sim_transport.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/env/one_shot.h"
#include "lib/env/sim/sim_link.h"

namespace dohle::env {

struct SimTransport::Life {
  SimNetwork& network;
  const std::string host;
  bool alive = true;
  // The ends that this node holds: what Kill has to end.
  struct Held {
    std::shared_ptr<SimLink> link;
    int side;
  };
  std::vector<Held> held;

  std::string HostOf(const std::string& name) const {
    const bool here = name.empty() || name == "0.0.0.0" || name == "localhost" || name == "127.0.0.1";
    return here ? host : name;
  }
  void Hold(const std::shared_ptr<SimLink>& link, int side) { held.push_back({link, side}); }
  void LetGo(const SimLink* link, int side) {
    std::erase_if(held, [&](const Held& h) { return h.link.get() == link && h.side == side; });
  }
};

namespace {

using Life = SimTransport::Life;
using Answer = StatusOr<std::shared_ptr<SimLink>>;
constexpr size_t kCopyBytes = size_t{64} << 10;

class SimConnection final : public Connection, private SimEnd {
 public:
  SimConnection(std::shared_ptr<Life> life, std::shared_ptr<SimLink> link, int side, Executor& executor)
      : life_(std::move(life)),
        link_(std::move(link)),
        side_(side),
        executor_(executor),
        peer_(link_->endpoint(1 - side)) {
    link_->Attach(side_, this);
  }
  ~SimConnection() override {
    DOHLE_CHECK((!reader_ && !writer_) || !life_->alive);
    Close();
  }

  IoResult TryRead(char* buffer, size_t n) override {
    if (closed()) return {IoResult::Kind::kFailed, 0};
    return link_->Read(side_, buffer, n);
  }
  IoResult TryWrite(std::span<const std::string_view> parts) override {
    if (closed()) return {IoResult::Kind::kFailed, 0};
    return link_->Write(side_, parts);
  }
  IoResult TrySend(const FileSlice& slice, uint64_t done) override {
    if (closed()) return {IoResult::Kind::kFailed, 0};
    if (done >= slice.length) return {IoResult::Kind::kDone, 0};
    if (!link_->Writable(side_)) return {IoResult::Kind::kWouldBlock, 0};
    std::string buffer(std::min<uint64_t>(slice.length - done, kCopyBytes), '\0');
    const StatusOr<size_t> got = slice.file->ReadAt(slice.position + done, buffer.data(), buffer.size());
    if (!got.ok() || *got == 0) return {IoResult::Kind::kFailed, 0};
    const std::string_view part(buffer.data(), *got);
    return TryWrite({&part, 1});
  }
  void WhenReadable(std::coroutine_handle<> waiter) override {
    DOHLE_CHECK(!reader_);
    reader_ = waiter;
    OnChange();
  }
  void WhenWritable(std::coroutine_handle<> waiter) override {
    DOHLE_CHECK(!writer_);
    writer_ = waiter;
    OnChange();
  }
  void Close() override {
    if (std::exchange(closed_, true) || !life_->alive) return;
    life_->LetGo(link_.get(), side_);
    link_->Detach(side_);
    OnChange();
  }
  bool closed() const override { return closed_ || !life_->alive; }
  const Endpoint& peer() const override { return peer_; }
  Executor& executor() override { return executor_; }

 private:
  void OnChange() override {
    if (reader_ && (closed() || link_->Readable(side_))) executor_.Resume(std::exchange(reader_, nullptr));
    if (writer_ && (closed() || link_->Writable(side_))) executor_.Resume(std::exchange(writer_, nullptr));
  }

  const std::shared_ptr<Life> life_;
  const std::shared_ptr<SimLink> link_;
  const int side_;
  Executor& executor_;
  const Endpoint peer_;
  bool closed_ = false;
  std::coroutine_handle<> reader_;
  std::coroutine_handle<> writer_;
};

class SimListener : public Listener {
 public:
  SimListener(std::shared_ptr<Life> life, Endpoint bound, std::string asked_host,
              std::shared_ptr<SimPort> port)
      : life_(std::move(life)),
        bound_(std::move(bound)),
        asked_host_(std::move(asked_host)),
        port_(std::move(port)) {}
  ~SimListener() override { Stop(); }
  Endpoint local() const override { return {asked_host_, bound_.port}; }
  void Stop() override {
    if (port_->accept == nullptr) return;
    port_->accept = nullptr;
    if (life_->alive) life_->network.Unbind(bound_);
  }

 private:
  const std::shared_ptr<Life> life_;
  const Endpoint bound_;
  const std::string asked_host_;
  const std::shared_ptr<SimPort> port_;
};

// A connection attempt of one life of a node. The link is held from the answer on, so that a crash ends it
// even if the coroutine that asked was not resumed any more.
struct Attempt {
  std::shared_ptr<Life> client;
  std::shared_ptr<SimLink> link;
  std::shared_ptr<OneShot<Answer>> answered;

  void Answered(bool accepted) const {
    if (!accepted) {
      answered->Set(Refused(link->endpoint(1)));
    } else if (!client->alive) {
      link->Vanish(0);
    } else {
      client->Hold(link, 0);
      if (answered->Set(link)) return;
      client->LetGo(link.get(), 0);
      link->Abort(0);  // nobody waits for it any more
    }
  }
};

void ArriveAtServer(SimNetwork& network, const Attempt& attempt) {
  const Endpoint& server = attempt.link->endpoint(1);
  if (!network.IsUp(server.host)) return;  // nobody answers
  const std::shared_ptr<SimPort> port = network.FindPort(server);
  const bool accepted = port != nullptr && port->accept != nullptr;
  if (accepted) port->accept(attempt.link);
  network.Transmit(server.host, attempt.link->endpoint(0).host,
                   [attempt, accepted] { attempt.Answered(accepted); });
}

}  // namespace

SimTransport::SimTransport(SimNetwork& network, std::string host)
    : life_(std::make_shared<Life>(Life{network, std::move(host), true, {}})) {}

SimTransport::~SimTransport() { Kill(Death::kPower); }

void SimTransport::Kill(Death death) {
  if (!std::exchange(life_->alive, false)) return;
  for (const Life::Held& held : std::exchange(life_->held, {})) {
    if (death == Death::kProcess) {
      held.link->Abort(held.side);
    } else {
      held.link->Vanish(held.side);
    }
  }
}

StatusOr<std::unique_ptr<Listener>> SimTransport::Listen(const Endpoint& endpoint,
                                                         std::span<Executor* const> executors,
                                                         AcceptHandler handler) {
  DOHLE_CHECK(!executors.empty());
  if (!life_->alive) return MakeStatus(StatusCode::kFailedPrecondition, "the simulated node is down");
  Endpoint bound{life_->HostOf(endpoint.host), endpoint.port};
  if (bound.host != life_->host)
    return MakeStatus(StatusCode::kInvalidArgument, "{} is not this host", endpoint.host);
  auto port = std::make_shared<SimPort>();
  port->accept = [life = life_, list = std::vector<Executor*>(executors.begin(), executors.end()),
                  shared = std::make_shared<AcceptHandler>(std::move(handler)),
                  next = size_t{0}](std::shared_ptr<SimLink> link) mutable {
    life->Hold(link, 1);
    Executor* executor = list[next++ % list.size()];
    executor->Post([life, link, shared, executor] {
      (*shared)(std::make_unique<SimConnection>(life, link, 1, *executor));
    });
  };
  if (!life_->network.Bind(bound, port)) {
    return MakeStatus(StatusCode::kFailedPrecondition, "{} is in use", ToString(bound));
  }
  return std::make_unique<SimListener>(life_, bound, endpoint.host, std::move(port));
}

Task<StatusOr<std::unique_ptr<Connection>>> SimTransport::Connect(Executor& executor, Endpoint endpoint,
                                                                  absl::Duration timeout) {
  DOHLE_CHECK(Executor::Current() == &executor);
  const std::shared_ptr<Life> life = life_;
  SimNetwork& network = life->network;
  const Endpoint server{life->HostOf(endpoint.host), endpoint.port};
  if (!network.IsHost(server.host))
    co_return MakeStatus(StatusCode::kUnavailable, "cannot resolve {}", endpoint.host);
  const Endpoint client{life->host, network.EphemeralPort(life->host)};
  auto link = std::make_shared<SimLink>(network, client, server);
  link->set_number(network.AddLink(link));
  auto answered = std::make_shared<OneShot<Answer>>();
  const Attempt attempt{life, link, answered};
  network.Transmit(client.host, server.host, [&network, attempt] { ArriveAtServer(network, attempt); });
  const std::optional<Answer> answer = co_await answered->WaitFor(timeout);
  if (!answer) {
    co_return MakeStatus(StatusCode::kDeadlineExceeded, "no connection to {} in time", ToString(endpoint));
  }
  if (!answer->ok()) co_return answer->status();
  co_return std::unique_ptr<Connection>(std::make_unique<SimConnection>(life, link, 0, executor));
}

}  // namespace dohle::env
