#include "operator/reconcile/cluster/volume_steps.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "operator/api/quantity.h"
#include "operator/reconcile/cluster/cluster_status.h"
#include "operator/reconcile/cluster/occupancy.h"
#include "operator/resources/names.h"

namespace dohle::reconcile {
namespace {

using k8s::FindString;
using k8s::Json;

constexpr const char* kRequest = "spec.resources.requests.storage";

const OwnedObject* FindLive(const LiveObjects& live, const k8s::Resource& resource,
                            const k8s::ObjectName& name) {
  const auto of_kind = live.find(resource.plural);
  if (of_kind == live.end()) return nullptr;
  const auto it = of_kind->second.find(name);
  return it == of_kind->second.end() ? nullptr : it->second.get();
}

const VolumeFinding* FindFinding(const VolumeFindings& findings, const std::string& claim) {
  const auto it = std::find_if(findings.begin(), findings.end(),
                               [&](const VolumeFinding& finding) { return finding.claim.name == claim; });
  return it == findings.end() ? nullptr : &*it;
}

bool Grows(const VolumeFinding& finding) {
  if (!finding.renewal.empty() && finding.size.grown <= finding.claim.grown) return false;
  return finding.claim.requested >= 0 && finding.size.bytes > finding.claim.requested;
}

void Annotate(std::string_view key, int64_t bytes, Json* claim) {
  (*claim)["metadata"]["annotations"][std::string(key)] = api::FormatQuantity(bytes);
}

void Request(int64_t bytes, Json* claim) {
  // As it is written in the spec, if it is that.
  if (api::ParseQuantity(FindString(*claim, kRequest)) == bytes) return;
  (*claim)["spec"]["resources"]["requests"]["storage"] = api::FormatQuantity(bytes);
}

void SizeOld(const VolumeFinding& finding, Json* claim) {
  const VolumeSize& size = finding.size;
  const bool renewed = !finding.renewal.empty();
  const bool fills = size.grown > finding.claim.grown;
  Annotate(resources::kSizeAnnotation, renewed && finding.claim.asked >= 0 ? finding.claim.asked : size.asked,
           claim);
  if (size.grown >= 0) Annotate(resources::kGrownAnnotation, size.grown, claim);
  Request(renewed && !fills ? finding.claim.requested : size.bytes, claim);
  if (!renewed) return;
  (*claim)["spec"].erase("storageClassName");
  if (!finding.claim.storage_class.empty())
    (*claim)["spec"]["storageClassName"] = finding.claim.storage_class;
}

void SizeNew(const api::Storage& storage, const VolumeFindings& findings, Json* claim) {
  const std::string name = FindString(*claim, "metadata.name");
  const Json& labels = (*claim)["metadata"]["labels"];
  const std::string owner = fmt::format("-{}-{}", labels.value(std::string(resources::kClusterLabel), ""),
                                        labels.value(std::string(resources::kBrokerIdLabel), ""));
  for (const api::StorageVolume& volume : storage.volumes) {
    if (name != volume.name + owner) continue;
    int64_t grown = -1;
    for (const VolumeFinding& finding : findings) {
      if (finding.volume == volume.name) grown = std::max(grown, finding.claim.grown);
    }
    Annotate(resources::kSizeAnnotation, api::ParseQuantity(volume.size).value_or(0), claim);
    const int64_t bytes = NewSize(volume, volume.auto_grow ? volume.auto_grow : storage.auto_grow, grown);
    if (grown >= 0) Annotate(resources::kGrownAnnotation, std::min(grown, bytes), claim);
    Request(bytes, claim);
    return;
  }
}

PlannedStep About(const ClusterResource& cluster, const VolumeFinding& finding, std::string reason,
                  std::string blocked_by) {
  PlannedStep step;
  step.resource = k8s::kPersistentVolumeClaims;
  step.name = {cluster.meta.name.ns, finding.claim.name};
  step.background = true;
  step.shown = {"GrowVolume", "PersistentVolumeClaim/" + finding.claim.name, std::move(reason),
                std::move(blocked_by)};
  return step;
}

}  // namespace

VolumeFindings FindVolumes(const ClusterResource& cluster, const Formation& formation,
                           const LiveObjects& live, const Topology* topology, int64_t now_ms) {
  VolumeFindings findings;
  const k8s::ObjectName& name = cluster.meta.name;
  const api::Storage& storage = cluster.spec.storage;
  for (const resources::Member& member : formation.members) {
    const OwnedObject* pod = FindLive(live, k8s::kPods, {name.ns, resources::PodName(name.name, member.id)});
    const BrokerPlace* broker = topology == nullptr ? nullptr : FindBroker(*topology, NodeId(member.id));
    for (const api::StorageVolume& volume : storage.volumes) {
      const OwnedObject* object =
          FindLive(live, k8s::kPersistentVolumeClaims,
                   {name.ns, resources::ClaimName(volume.name, name.name, member.id)});
      if (object == nullptr || object->meta.deleting()) continue;
      VolumeFinding& finding = findings.emplace_back();
      finding.broker = member.id;
      finding.volume = volume.name;
      finding.claim = ReadClaim(object->meta, *object->body);
      VolumeUse use;
      if (broker != nullptr && !broker->fenced) {
        const LogDirPlace* dir = FindLogDir(*broker, volume.name, finding.claim.name);
        if (dir != nullptr) use = UseOf(*dir, finding.claim);
      }
      const auto& grow = volume.auto_grow ? volume.auto_grow : storage.auto_grow;
      finding.size = SizeOf(volume, grow, finding.claim, use);
      finding.renewal = WhyRenewed(volume, finding.claim, finding.size);
      finding.progress = ProgressOf(finding.claim, pod == nullptr ? 0 : pod->meta.creation_time_ms, now_ms);
    }
  }
  return findings;
}

void SizeClaims(const api::Storage& storage, const VolumeFindings& findings,
                std::vector<DesiredObject>* desired) {
  for (DesiredObject& object : *desired) {
    if (object.resource != k8s::kPersistentVolumeClaims) continue;
    const VolumeFinding* finding = FindFinding(findings, FindString(object.body, "metadata.name"));
    if (finding == nullptr) {
      SizeNew(storage, findings, &object.body);
    } else {
      SizeOld(*finding, &object.body);
    }
  }
}

std::vector<PlannedStep> TakeGrowth(const ClusterResource& cluster, const VolumeFindings& findings,
                                    std::vector<PlannedStep>* steps) {
  std::vector<PlannedStep> growth;
  const auto grows = [&](const PlannedStep& step) {
    if (step.resource != k8s::kPersistentVolumeClaims || step.kind != PlannedStep::Kind::kApply) return false;
    const VolumeFinding* finding = FindFinding(findings, step.name.name);
    return finding != nullptr && Grows(*finding);
  };
  const auto taken =
      std::stable_partition(steps->begin(), steps->end(), [&](const auto& step) { return !grows(step); });
  std::move(taken, steps->end(), std::back_inserter(growth));
  steps->erase(taken, steps->end());
  for (PlannedStep& step : growth) {
    step.background = true;
    step.shown.action = "GrowVolume";
    step.shown.reason = FindFinding(findings, step.name.name)->size.reason;
  }
  for (const VolumeFinding& finding : findings) {
    const ResizeProgress& progress = finding.progress;
    if (!progress.reason.empty() && !Grows(finding)) {
      PlannedStep& step = growth.emplace_back(About(cluster, finding, progress.reason, progress.waits));
      step.awaited = !progress.failed;
      step.far_off = progress.failed;
      step.degraded_as = kReasonResizeFailed;
    }
    if (!finding.size.limit.empty()) {
      growth.push_back(About(cluster, finding, "it is to grow before it is full", finding.size.limit));
      growth.back().far_off = true;
      growth.back().degraded_as = kReasonVolumeFull;
    }
  }
  return growth;
}

void PlanRemounts(const ClusterResource& cluster, const VolumeFindings& findings, const LiveObjects& live,
                  std::vector<PlannedStep>* steps) {
  for (const VolumeFinding& finding : findings) {
    if (!finding.progress.remount) continue;
    const k8s::ObjectName name{cluster.meta.name.ns,
                               resources::PodName(cluster.meta.name.name, finding.broker)};
    const OwnedObject* pod = FindLive(live, k8s::kPods, name);
    const bool changed = std::any_of(steps->begin(), steps->end(), [&](const PlannedStep& step) {
      return step.resource == k8s::kPods && step.name == name;
    });
    if (pod == nullptr || pod->meta.deleting() || changed) continue;
    PlannedStep& step = steps->emplace_back();
    step.kind = PlannedStep::Kind::kDelete;
    step.resource = k8s::kPods;
    step.name = name;
    step.uid = pod->meta.uid;
    step.restarts = NodeId(finding.broker);
    step.shown = {
        "RestartBroker", "Pod/" + name.name,
        fmt::format("the file system of volume {} grows only when it is mounted anew", finding.volume), ""};
  }
}

Status ExplainRefusal(const PlannedStep& step, Status refused) {
  const bool growth = step.resource == k8s::kPersistentVolumeClaims && !step.fresh && step.body != nullptr;
  if (!growth || refused.code() != StatusCode::kPermissionDenied) return refused;
  const std::string storage_class = FindString(*step.body, "spec.storageClassName");
  return MakeStatus(refused.code(),
                    "{}. Storage grows only where its StorageClass{} has allowVolumeExpansion: true: set it "
                    "there, or set the size back",
                    Message(refused), storage_class.empty() ? "" : " " + storage_class);
}

}  // namespace dohle::reconcile
