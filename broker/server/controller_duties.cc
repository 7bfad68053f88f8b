#include "broker/server/controller_duties.h"

#include <algorithm>
#include <utility>

#include "broker/controller/controller.h"
#include "broker/server/controller_channel.h"
#include "broker/server/failure_detector.h"
#include "lib/base/log.h"
#include "lib/kafka/error_code.h"
#include "lib/kafka/messages/controller_registration_request.h"
#include "lib/kafka/messages/controller_registration_response.h"

namespace dohle::server {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(10);
constexpr absl::Duration kRetryInterval = absl::Milliseconds(200);

}  // namespace

env::Task<void> ControllerDuties::OnLeaderChange(metadata::QuorumLeader leader) {
  resigned_->Stop();
  if (!leader.is_local) {
    controller_.Resign();
    // Its registration may be missing there.
    if (leader.id != kNoNode) env::Spawn(*env_.executors.front(), RegisterElsewhere());
    co_return;
  }
  const auto term = resigned_ = std::make_shared<env::StopSignal>();
  activated_ = co_await controller_.Activate(leader.epoch);
  if (!activated_.ok()) {
    log::Error("server", "this controller can't become active: {}", Message(activated_));
    co_return;
  }
  failures_.LookAtAll();
  env::Spawn(*env_.executors.front(), WorkUntil(term));
}

env::Task<void> ControllerDuties::WorkUntil(std::shared_ptr<env::StopSignal> resigned) {
  bool over = false;
  while (!over) {
    const StatusOr<absl::Duration> wait = co_await controller_.DoDueWork();
    // A write that failed was overtaken by a resignation, or its log has failed: said elsewhere.
    over = co_await resigned->SleepFor(wait.ok() ? std::min(*wait, kLongestWait) : kLongestWait);
  }
}

env::Task<void> ControllerDuties::Publish(const metadata::MetadataUpdate&) {
  if (!registering_ && !controller_.is_active()) {
    env::Spawn(*env_.executors.front(), RegisterElsewhere());
  }
  co_return;
}

env::Task<void> ControllerDuties::RegisterElsewhere() {
  if (std::exchange(registering_, true)) co_return;
  bool stopped = false;
  while (!stopped && !controller_.is_active()) {
    const metadata::ImagePtr image = metadata_.Current();
    const auto request = controller_.RegistrationFor(*image);
    if (!request) break;
    const auto answer = co_await channel_.Call<kafka::ControllerRegistrationResponse>(*request, kPatience);
    const int16_t error = answer.ok() ? answer->message.error_code : int16_t{0};
    if (error != 0) {
      log::Warning("server", "this controller isn't registered: {}",
                   kafka::Name(static_cast<kafka::ErrorCode>(error)));
    }
    // Till what was registered is here.
    if (absl::IsCancelled(answer.status())) break;
    stopped = co_await stopped_.SleepFor(kRetryInterval);
  }
  registering_ = false;
}

void ControllerDuties::Stop() {
  resigned_->Stop();
  stopped_.Stop();
  controller_.Resign();
}

}  // namespace dohle::server
