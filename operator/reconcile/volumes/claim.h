// A broker's claim on a volume as it stands: what it asks for, what it has, and how far its resize is. Read
// from a v1 PersistentVolumeClaim. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "operator/k8s/json.h"
#include "operator/k8s/object.h"

namespace dohle::reconcile {

struct Claim {
  std::string name;
  bool deleting = false;
  std::string storage_class;  // "" if it names none
  int64_t requested = -1;     // bytes, as are those below; -1 = unknown, or none
  int64_t capacity = -1;      // what the volume has; -1 as long as there is none
  int64_t asked = -1;         // the spec's size when it was last set by the operator (kSizeAnnotation)
  int64_t grown = -1;         // what it was grown to because it was full (kGrownAnnotation)

  // What its storage driver and its kubelet tell of a resize (status.conditions and
  // status.allocatedResourceStatuses; KEP-284, KEP-1790).
  enum class Resize {
    kNone,
    kUnderWay,    // the storage is growing
    kFileSystem,  // the storage has grown; its file system grows on the node, or when it is mounted anew
    kFailed,      // it will not go on by itself
  };
  Resize resize = Resize::kNone;
  int64_t resize_since_ms = 0;  // wall clock; 0 = unknown
  std::string resize_message;   // theirs; "" if they have none
  std::string modify_trouble;   // why another VolumeAttributesClass couldn't be had; "" = none

  // It has less than it asks for. Not one that isn't bound yet.
  bool grows() const { return capacity >= 0 && requested > capacity; }
};

// Never fails: what isn't there is unknown.
Claim ReadClaim(const k8s::ObjectMeta& meta, const k8s::Json& body);

}  // namespace dohle::reconcile
