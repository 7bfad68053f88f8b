#include "operator/api/storage_fields.h"

#include <array>
#include <span>

#include "operator/api/forms.h"

namespace dohle::api {
namespace {

std::span<const CelRule> VolumesRules() {
  static const CelRule kRules[] = {
      {"oldSelf.all(o, self.exists(v, v.name == o.name))",
       "a volume can't be removed or renamed, as it holds data: put it back; new volumes may be added"}};
  return kRules;
}

void DescribeAutoGrow(FieldVisitor& v, AutoGrow& grow) {
  v.PlainText({.name = "maxSize",
               .doc = "How large a volume gets at most, as a Kubernetes quantity.",
               .required = true,
               .max_length = 32,
               .form = &kSizeForm},
              grow.max_size);
  v.Integer32(
      {.name = "whenUsedPercent", .doc = "How full a volume is when it grows.", .minimum = 1, .maximum = 99},
      grow.when_used_percent);
  v.Integer32({.name = "stepPercent",
               .doc = "By how much of its size it grows at least.",
               .minimum = 1,
               .maximum = 1000},
              grow.step_percent);
}

void DescribeVolume(FieldVisitor& v, StorageVolume& volume) {
  v.PlainText({.name = "name",
               .doc = "The claim of broker N is called `NAME-CLUSTER-N`. A volume can't be removed.",
               .required = true,
               .max_length = 20,
               .form = &kNameForm},
              volume.name);
  v.PlainText(
      {.name = "size",
       .doc = "How much the volume holds, as a Kubernetes quantity. When it gets more, volumes grow while "
              "they are used, if their class allows that. When it gets less, brokers are emptied and get a "
              "new volume each, one after the other.",
       .max_length = 32,
       .form = &kSizeForm},
      volume.size);
  v.OptionalText(
      {.name = "storageClassName",
       .doc = "The StorageClass; the cluster's default one if not set. When it changes, brokers are "
              "emptied and get a new volume each, one after the other.",
       .min_length = 1,
       .max_length = 253},
      volume.storage_class_name);
  v.OptionalObject({.name = "autoGrow", .doc = "The same as `storage.autoGrow`, for this volume."},
                   volume.auto_grow, DescribeAutoGrow);
}

}  // namespace

void DescribeStorage(FieldVisitor& v, Storage& storage) {
  v.ListOf({.name = "volumes",
            .doc = "The volumes of each broker. Kafka's log directories are spread over them (`log.dirs`).",
            .min_items = 1,
            .max_items = 16,
            .list_key = "name",
            .rules = VolumesRules()},
           storage.volumes, DescribeVolume);
  v.OptionalObject(
      {.name = "autoGrow",
       .doc = "Lets the operator grow volumes that get full, each by itself; `size` is what they have at "
              "least. What was grown stays so when this is removed."},
      storage.auto_grow, DescribeAutoGrow);
  v.EnumChoice(
      {.name = "deletionPolicy",
       .doc = "What becomes of the claims when the Cluster is deleted: `Retain` keeps them, so that a "
              "Cluster of the same name takes them up again; `Delete` deletes them with all data."},
      DeletionPolicyNames(), storage.deletion_policy);
  v.EnumChoice(
      {.name = "scaleDownPolicy",
       .doc = "What becomes of the claims of a broker that is taken away: `Retain` keeps them, and a broker "
              "that gets its id takes them up again; `Delete` deletes them, empty as they are by then."},
      DeletionPolicyNames(), storage.scale_down_policy);
}

}  // namespace dohle::api
