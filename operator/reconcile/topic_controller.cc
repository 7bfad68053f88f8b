#include "operator/reconcile/topic_controller.h"

#include <fmt/core.h>

#include <utility>

namespace dohle::reconcile {
namespace {

// Between a namespace and bootstrap servers; no Cluster can be called so.
constexpr char kServersMark = '=';

}  // namespace

std::string KafkaKey(const TopicResource& topic) {
  if (topic.spec.cluster) return fmt::format("{}/{}", topic.meta.name.ns, *topic.spec.cluster);
  if (topic.spec.bootstrap_servers) {
    return fmt::format("{}/{}{}", topic.meta.name.ns, kServersMark, *topic.spec.bootstrap_servers);
  }
  return "";
}

TopicController::TopicController(Parts parts)
    : parts_(std::move(parts)),
      topics_(parts_.client, parts_.env.random, {k8s::kTopics, parts_.ns, {}}, &ReadTopicResource) {
  topics_.SetIndex(&KafkaKey);
  topics_.AddHandler([this](const auto& before, const auto& after) {
    if (after != nullptr) Wake(KafkaKey(*after));
    if (before != nullptr && (after == nullptr || KafkaKey(*before) != KafkaKey(*after))) {
      Wake(KafkaKey(*before));
    }
  });
}

void TopicController::Watch(env::StopSignal& stop) { env::Spawn(parts_.executor, topics_.Run(stop)); }

void TopicController::Act() {
  acting_ = true;
  for (const auto& [name, topic] : topics_.all()) Wake(KafkaKey(*topic));
}

void TopicController::ClusterChanged(const k8s::ObjectName& cluster) {
  if (groups_.contains(ToString(cluster))) Wake(ToString(cluster));
}

TopicController::Group& TopicController::GroupOf(const std::string& key) {
  std::unique_ptr<Group>& group = groups_[key];
  if (group == nullptr) {
    group = std::make_unique<Group>(key);
    TopicReconcilerOptions options;
    options.may_act = parts_.may_act;
    group->reconciler = std::make_unique<TopicReconciler>(parts_.env, parts_.executor, parts_.client,
                                                          parts_.events, std::move(options));
  }
  return *group;
}

void TopicController::Wake(const std::string& key) {
  if (key.empty() || stopped_ || !acting_) return;
  Group& group = GroupOf(key);
  group.changed = true;
  if (group.wake != nullptr) group.wake->Set(true);
  if (group.running) return;
  group.running = true;
  ++running_;
  env::Spawn(parts_.executor, Loop(&group));
}

env::Task<void> TopicController::Loop(Group* group) {
  while (!stopped_) {
    group->wake = std::make_shared<env::OneShot<bool>>();
    const auto linger = group->wake;
    co_await linger->WaitFor(kTopicLinger);
    // Changes from here on wake the wait below.
    group->wake = std::make_shared<env::OneShot<bool>>();
    group->changed = false;
    if (stopped_) break;
    const env::MonotonicTime began = parts_.executor.clock().Now();
    TopicInputs inputs = InputsOf(*group);
    const absl::Duration again = co_await group->reconciler->RunOnce(std::move(inputs));
    if (parts_.observer) parts_.observer("topic", OkStatus(), parts_.executor.clock().Now() - began);
    // The last Topic went a while ago. A new one begins anew.
    if (!group->changed && group->reconciler->idle() && topics_.Under(group->key).empty()) break;
    const auto wake = group->wake;
    if (!group->changed && !stopped_) co_await wake->WaitFor(again);
  }
  // Stop looks at all that there are.
  if (!stopped_) groups_.erase(std::string(group->key));
  if (--running_ == 0 && all_ended_ != nullptr) all_ended_->Set(true);
}

TopicInputs TopicController::InputsOf(const Group& group) const {
  TopicInputs inputs;
  for (const auto& [name, topic] : topics_.Under(group.key)) inputs.topics.push_back(topic);
  inputs.of_all = topics_.all().size();
  const size_t slash = group.key.find('/');
  const std::string ns = group.key.substr(0, slash);
  const std::string rest = group.key.substr(slash + 1);
  if (rest.front() == kServersMark) {
    inputs.cluster.name = rest.substr(1);
    inputs.cluster.bootstrap = rest.substr(1);
  } else {
    inputs.cluster = parts_.locate({ns, rest});
  }
  if (parts_.measures) {
    inputs.measures = [this, key = group.key](const std::string& topic) {
      return parts_.measures(key, topic);
    };
  }
  if (parts_.scaling) {
    inputs.scaling = [this, key = group.key](const std::string& topic) { return parts_.scaling(key, topic); };
  }
  return inputs;
}

env::Task<void> TopicController::Stop() {
  stopped_ = true;
  topics_.Interrupt();
  for (const auto& [key, group] : groups_) {
    group->reconciler->Close();
    if (group->wake != nullptr) group->wake->Set(true);
  }
  if (running_ == 0) co_return;
  all_ended_ = std::make_shared<env::OneShot<bool>>();
  co_await all_ended_->WaitForever();
}

}  // namespace dohle::reconcile
