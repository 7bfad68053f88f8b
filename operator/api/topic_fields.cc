#include <array>

#include "operator/api/fields.h"
#include "operator/api/forms.h"

namespace dohle::api {
namespace {

// Rule and message for an optional text that never changes.
CelRule Immutable(std::string_view field, std::string message) {
  const std::string f(field);
  return {"has(self." + f + ") == has(oldSelf." + f + ") && (!has(self." + f + ") || self." + f +
              " == oldSelf." + f + ")",
          std::move(message)};
}

std::span<const CelRule> SpecRules() {
  static const CelRule kRules[] = {
      {"has(self.cluster) != has(self.bootstrapServers)",
       "set either cluster, the name of a Cluster in this namespace, or bootstrapServers, the addresses of "
       "any Kafka cluster; not both"},
      Immutable("cluster", "cluster can't be changed: put the old one back, or make another Topic"),
      Immutable("bootstrapServers",
                "bootstrapServers can't be changed: put the old ones back, or make another Topic"),
      Immutable("topicName",
                "topicName can't be changed, as Kafka can't rename topics: put the old one back, or make "
                "another Topic"),
      {"!has(self.autoscaling) || self.autoscaling.maxPartitions >= self.partitions",
       "autoscaling.maxPartitions is less than partitions: raise it"}};
  return kRules;
}

std::span<const CelRule> TopicNameRules() {
  static const CelRule kRules[] = {
      {"self != '.' && self != '..'", "a topic can't be called . or ..: choose another topicName"},
      {"!self.startsWith('__')",
       "topics whose names begin with __ are the brokers' own: choose another topicName"}};
  return kRules;
}

std::span<const CelRule> PartitionsRules() {
  static const CelRule kRules[] = {{"self >= oldSelf",
                                    "partitions can't become fewer, as Kafka can't remove any: put the old "
                                    "number back or a greater one, or "
                                    "delete the Topic and make it again"}};
  return kRules;
}

std::span<const CelRule> AutoscalingRules() {
  static const CelRule kRules[] = {
      {"has(self.targetBytesPerSecondPerPartition) || has(self.targetLagSeconds)",
       "set targetBytesPerSecondPerPartition, targetLagSeconds, or both: without a target nothing grows"}};
  return kRules;
}

void DescribeSpecAutoscaling(FieldVisitor& v, TopicAutoscaling& a) {
  v.Integer32({.name = "maxPartitions",
               .doc = "How many partitions it may come to have.",
               .required = true,
               .minimum = 1,
               .maximum = 10000},
              a.max_partitions);
  v.OptionalText(
      {.name = "targetBytesPerSecondPerPartition",
       .doc = "What producers may bring each partition in a second, as a Kubernetes quantity (`10Mi`). "
              "What they bring beyond that for a minute, or twice as much for some seconds, makes the "
              "topic grow.",
       .max_length = 32,
       .form = &kSizeForm},
      a.target_bytes_per_second);
  v.OptionalInteger32(
      {.name = "targetLagSeconds",
       .doc = "How many seconds a consumer group may be behind. It makes the topic grow only if that "
              "can help: if the group has a consumer for each partition, all get on, and most are behind.",
       .minimum = 1,
       .maximum = 86400},
      a.target_lag_seconds);
  v.EnumChoice(
      {.name = "keyOrder",
       .doc =
           "What is promised to consumers that rely on the order of the records of a key. `Strict`: all of "
           "a key are in one partition, so a topic that has had a record doesn't grow; its status says what "
           "the load asks for. `Relaxed`: records that come after a growth may lie in another partition "
           "than older ones of their key. Choose it for records without keys, too."},
      KeyOrderNames(), a.key_order);
}

void DescribeSpec(FieldVisitor& v, TopicSpec& s) {
  v.OptionalText({.name = "cluster",
                  .doc = "The Cluster in the same namespace that has the topic. It can't be changed.",
                  .max_length = 40,
                  .form = &kNameForm},
                 s.cluster);
  v.OptionalText(
      {.name = "bootstrapServers",
       .doc = "In place of `cluster`: the addresses of any Kafka cluster, as `host:port,host:port`. "
              "It can't be changed.",
       .max_length = 1024,
       .form = &kBootstrapServersForm},
      s.bootstrap_servers);
  v.OptionalText({.name = "topicName",
                  .doc = "The topic's name, if it isn't the resource's. It can't be changed.",
                  .max_length = 249,
                  .form = &kTopicNameForm,
                  .rules = TopicNameRules()},
                 s.topic_name);
  v.Integer32({.name = "partitions",
               .doc = "How many partitions. They can become more, never fewer.",
               .minimum = 1,
               .maximum = 10000,
               .rules = PartitionsRules()},
              s.partitions);
  v.Integer32(
      {.name = "replicas", .doc = "How many brokers hold each partition.", .minimum = 1, .maximum = 1000},
      s.replicas);
  v.Pairs({.name = "config",
           .doc = "Kafka's topic properties, as `retention.ms`; `true`, `false` and decimals stand in "
                  "quotes. What isn't "
                  "named has the cluster's default.",
           .max_items = 128,
           .integers_too = true},
          s.config);
  v.EnumChoice({.name = "deletionPolicy",
                .doc = "What becomes of the topic when the resource is deleted: `Delete` deletes it with all "
                       "data, `Retain` leaves it as it is."},
               DeletionPolicyNames(), s.deletion_policy);
  v.EnumChoice({.name = "adoptionPolicy",
                .doc = "What becomes of a topic that is there before its resource: `Adopt` takes it over and "
                       "changes what differs, `Refuse` leaves it alone and says so."},
               AdoptionPolicyNames(), s.adoption_policy);
  v.OptionalObject({.name = "autoscaling",
                    .doc = "Lets the operator add partitions, from `partitions` on, as the load asks for. It "
                           "never takes any away.",
                    .rules = AutoscalingRules()},
                   s.autoscaling, DescribeSpecAutoscaling);
}

void DescribeLag(FieldVisitor& v, TopicLag& lag) {
  v.PlainText({.name = "group", .doc = "The consumer group."}, lag.group);
  v.Integer64({.name = "records", .doc = "Records that it has yet to read."}, lag.records);
  v.Number({.name = "seconds", .doc = "How old the oldest of them is."}, lag.seconds);
}

void DescribeStatus(FieldVisitor& v, TopicStatus& s) {
  v.Integer64({.name = "observedGeneration", .doc = "The generation of the spec that this is about."},
              s.observed_generation);
  DescribeConditions(v, s.conditions);
  v.PlainText({.name = "topicName", .doc = "The topic's name."}, s.topic_name);
  v.PlainText({.name = "topicId", .doc = "Kafka's id of the topic."}, s.topic_id);
  v.Integer32({.name = "partitions", .doc = "Partitions that it has."}, s.partitions);
  v.Integer32({.name = "replicas", .doc = "Replicas that its partitions have."}, s.replicas);
  v.Integer64({.name = "bytes", .doc = "Bytes that it takes on disk, all replicas together."}, s.bytes);
  v.Number({.name = "bytesInPerSecond", .doc = "Bytes written to it each second."}, s.bytes_in_per_second);
  v.Number({.name = "bytesOutPerSecond", .doc = "Bytes read from it each second."}, s.bytes_out_per_second);
  v.Number({.name = "recordsInPerSecond", .doc = "Records written to it each second."},
           s.records_in_per_second);
  TopicLag lag = s.largest_lag.value_or(TopicLag{});
  bool present = s.largest_lag.has_value();
  v.Object({.name = "largestLag", .doc = "The consumer group that is furthest behind."}, present,
           [&](FieldVisitor& w) { DescribeLag(w, lag); });
  if (present) s.largest_lag = std::move(lag);
  DescribeAutoscaling(v, s.autoscaling);
}

}  // namespace

void Describe(FieldVisitor& visitor, TopicSpec& spec) {
  visitor.Group({.name = "spec", .doc = "What is asked for.", .required = true, .rules = SpecRules()},
                [&](FieldVisitor& v) { DescribeSpec(v, spec); });
}

void Describe(FieldVisitor& visitor, TopicStatus& status) {
  visitor.Group({.name = "status", .doc = "What is there. Written by the operator."},
                [&](FieldVisitor& v) { DescribeStatus(v, status); });
}

std::span<const CelRule> TopicRules() {
  static const CelRule kRules[] = {
      {"has(self.spec.topicName) || size(self.metadata.name) <= 249",
       "a topic's name has at most 249 characters: choose a shorter name or set spec.topicName"}};
  return kRules;
}

}  // namespace dohle::api
