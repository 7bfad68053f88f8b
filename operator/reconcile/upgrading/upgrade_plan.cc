#include "operator/reconcile/upgrading/upgrade_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "operator/api/time_text.h"

namespace dohle::reconcile {
namespace {

constexpr const char* kEligibleLeaders = "eligible.leader.replicas.version";
constexpr int16_t kEligibleLeadersByDefault = 26;  // of metadata.version: 4.1-IV0

int16_t LevelIn(const api::StringPairs& levels, std::string_view feature) {
  int16_t level = 0;
  for (const auto& [name, text] : levels) {
    if (name == feature) std::from_chars(text.data(), text.data() + text.size(), level);
  }
  return level;
}

// What all brokers run, being ready; nothing if they don't run the same.
const RunningBroker* Common(const std::vector<RunningBroker>& brokers) {
  if (brokers.empty()) return nullptr;
  const RunningBroker& first = brokers.front();
  const bool same = std::all_of(brokers.begin(), brokers.end(), [&](const RunningBroker& broker) {
    return broker.ready && broker.image == first.image && broker.version == first.version;
  });
  return same ? &first : nullptr;
}

// Brokers that don't tell their version are known by their image.
std::string VersionName(const api::UpgradeStatus& status) {
  return status.version.empty() ? status.image : status.version;
}

void Record(const Features& features, api::UpgradeStatus* status) {
  api::ImageRecord record{status->image, status->version, {}};
  auto& images = status->images;
  const auto known = std::find_if(images.begin(), images.end(),
                                  [&](const auto& image) { return image.image == record.image; });
  if (known != images.end()) {
    if (features.empty() && known->version == record.version) record.levels = known->levels;
    images.erase(known);
  }
  for (const auto& [name, place] : features) record.levels.emplace_back(name, fmt::format("{}", place.max));
  images.push_back(std::move(record));
  if (images.size() > api::kMaxImageRecords) images.erase(images.begin());
}

FeatureLevels ToRaise(const Features& features) {
  FeatureLevels levels;
  for (const auto& [name, level] : LevelsOfNewClusters(features)) {
    if (features.at(name).level < level) levels[name] = level;
  }
  return levels;
}

// FNV-1a: an id to be typed, no secret.
std::string PlanId(const api::UpgradeStatus& status, const FeatureLevels& levels) {
  std::string text = VersionName(status);
  for (const auto& [name, level] : levels) text += fmt::format(" {}={}", name, level);
  uint64_t hash = 14695981039346656037U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return fmt::format("{:08x}", static_cast<uint32_t>(hash ^ (hash >> 32)));
}

std::string Reason(const UpgradeSight& sight, const UpgradePlan& plan) {
  std::string levels;
  for (const auto& [name, level] : plan.raise) {
    levels +=
        fmt::format("{}{} {} to {}", levels.empty() ? "" : ", ", name, sight.features.at(name).level, level);
  }
  return fmt::format(
      "{}: {} brokers run {} since {}; to versions without these levels they can't go back then", levels,
      sight.brokers.size(), VersionName(plan.status), api::TimeText(plan.status.since_ms));
}

std::string WhatItWaitsFor(const UpgradeSight& sight, const UpgradePlan& plan) {
  if (sight.restarting) return "brokers are to be restarted first";
  const bool approved = sight.approved == plan.status.plan;
  if (sight.well_since_ms < 0) {
    return approved ? "something is wrong with the Cluster: see Degraded"
                    : "something is wrong with the Cluster: it soaks anew once nothing is";
  }
  if (approved) return "";
  if (sight.spec.features == api::FeatureMode::kManual)
    return fmt::format("it waits for approval: kubectl dohle approve, with {}", plan.status.plan);
  const int64_t since_ms = std::max(plan.status.since_ms, sight.well_since_ms);
  const int64_t until_ms = since_ms + sight.spec.soak_seconds * int64_t{1000};
  if (sight.now_ms >= until_ms) return "";
  return fmt::format("it soaks until {}; plan {} can be approved before", api::TimeText(until_ms),
                     plan.status.plan);
}

}  // namespace

FeatureLevels LevelsOfNewClusters(const Features& features) {
  FeatureLevels levels;
  const auto metadata = features.find(kMetadataVersion);
  if (metadata == features.end()) return levels;
  levels[kMetadataVersion] = metadata->second.max;
  const auto eligible = features.find(kEligibleLeaders);
  if (eligible != features.end() && eligible->second.max >= 1 &&
      metadata->second.max >= kEligibleLeadersByDefault) {
    levels[kEligibleLeaders] = 1;
  }
  return levels;
}

UpgradePlan PlanUpgrade(const UpgradeSight& sight, const api::UpgradeStatus& before) {
  UpgradePlan plan{.status = before};
  api::UpgradeStatus& status = plan.status;
  status.plan.clear();
  if (!sight.features.empty()) {
    status.levels.clear();
    for (const auto& [name, place] : sight.features) {
      if (place.level > 0) status.levels.emplace_back(name, fmt::format("{}", place.level));
    }
  }
  const RunningBroker* common = Common(sight.brokers);
  if (common == nullptr) return plan;
  if (status.since_ms == 0 || common->image != status.image || common->version != status.version)
    status.since_ms = sight.now_ms;
  status.image = common->image;
  status.version = common->version;
  Record(sight.features, &status);
  if (sight.features.empty() || status.levels_of == VersionName(status)) return plan;
  plan.raise = ToRaise(sight.features);
  if (plan.raise.empty()) {
    status.levels_of = VersionName(status);
    return plan;
  }
  status.plan = PlanId(status, plan.raise);
  plan.reason = Reason(sight, plan);
  plan.blocked_by = WhatItWaitsFor(sight, plan);
  return plan;
}

std::string WhyNotImage(const std::string& image, const api::UpgradeStatus& status) {
  const auto known = std::find_if(status.images.begin(), status.images.end(),
                                  [&](const auto& record) { return record.image == image; });
  if (known == status.images.end() || known->levels.empty()) return "";
  for (const auto& [feature, text] : status.levels) {
    const int16_t level = LevelIn(status.levels, feature), most = LevelIn(known->levels, feature);
    if (level <= most) continue;
    return fmt::format("{} runs {}, which serves {} up to {}, and {} is in force{}: name {} or a later one",
                       image, known->version.empty() ? "a version" : known->version, feature, most, level,
                       status.levels_of.empty() ? "" : fmt::format(" (of {})", status.levels_of),
                       status.image);
  }
  return "";
}

}  // namespace dohle::reconcile
