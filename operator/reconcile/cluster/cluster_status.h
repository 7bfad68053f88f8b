// What a Cluster's status says of what was seen, of what will be done and of what was done. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "operator/reconcile/cluster/broker_facts.h"
#include "operator/reconcile/cluster/cluster_plan.h"
#include "operator/reconcile/cluster/cluster_resource.h"
#include "operator/reconcile/cluster/formation.h"
#include "operator/reconcile/cluster/node_racks.h"
#include "operator/reconcile/cluster/pod_state.h"
#include "operator/reconcile/healing/heal_plan.h"
#include "operator/reconcile/kafka/features.h"

namespace dohle::reconcile {

struct ClusterSighting {
  const ClusterResource* cluster = nullptr;
  Formation formation;
  std::vector<PodState> pods;      // of all brokers that run, by id; one with an empty name isn't there
  std::vector<PlannedStep> steps;  // that are still to be taken
  Status facts_status;             // why `facts` are missing; kFailedPrecondition: nobody was asked
  ClusterFacts facts;              // if facts_status is OK; counted from `topology`
  Topology topology;
  std::map<NodeId, std::string> versions;  // of the Pods' programs; "" = unknown
  std::string bootstrap;                   // who told it: "host:port"; steps of the cluster itself go there
  std::string roll_halted;                 // why the roll that is under way has stopped; "" if it hasn't
  std::vector<Ailment> ailments;           // of brokers, the gravest first
  api::BalanceStatus balance;
  Features features;  // empty = unknown
  api::UpgradeStatus upgrade;
  Status step_failure;  // of the step that failed, if one did
  RackFindings racks;   // of `pods`
  std::vector<api::ListenerStatus> listeners;
};

// The reasons of conditions; `kubectl wait` and alerts go by them.
inline constexpr std::string_view kReasonReady = "AllBrokersReady";
inline constexpr std::string_view kReasonPaused = "Paused";
inline constexpr std::string_view kReasonInvalid = "InvalidSpec";
inline constexpr std::string_view kReasonDeleting = "Deleting";
inline constexpr std::string_view kReasonPending = "StepsPending";
inline constexpr std::string_view kReasonWaiting = "WaitingForBrokers";
inline constexpr std::string_view kReasonRollHalted = "RollHalted";
inline constexpr std::string_view kReasonBlocked = "StepBlocked";
inline constexpr std::string_view kReasonStepFailed = "StepFailed";
inline constexpr std::string_view kReasonVolumeFull = "VolumeFull";
inline constexpr std::string_view kReasonResizeFailed = "VolumeResizeFailed";
inline constexpr std::string_view kReasonUnreachable = "BrokerUnreachable";
inline constexpr std::string_view kReasonOffline = "PartitionsOffline";
inline constexpr std::string_view kReasonUnderReplicated = "PartitionsUnderReplicated";
inline constexpr std::string_view kReasonRackUnknown = "RackUnknown";
inline constexpr std::string_view kReasonHibernated = "Hibernated";
inline constexpr std::string_view kReasonFenced = "Fenced";
inline constexpr std::string_view kReasonAsAsked = "AsAsked";
inline constexpr std::string_view kReasonHealthy = "Healthy";

api::ClusterStatus StatusOf(const ClusterSighting& sighting, int64_t now_ms);

}  // namespace dohle::reconcile
