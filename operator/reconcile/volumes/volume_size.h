// How large the volume behind a claim shall be: what the spec asks for at least, more once it has got full,
// never more than the limit. Pure; what was decided before is read from the claim, so that it stays decided.
//
// A claim that somebody else has made larger is left as it is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "operator/api/cluster.h"
#include "operator/reconcile/kafka/topology.h"
#include "operator/reconcile/volumes/claim.h"

namespace dohle::reconcile {

struct VolumeUse {
  int64_t used_bytes = -1;  // -1: unknown
  int64_t of_bytes = -1;
};

// Of the log directory on the volume that `claim` has: its file system's figures, or, where that is shared
// with others (a directory of the node), its replicas' bytes of what the claim asks for.
VolumeUse UseOf(const LogDirPlace& log_dir, const Claim& claim);

// The log directory on a volume; null if the broker doesn't tell of it.
const LogDirPlace* FindLogDir(const BrokerPlace& broker, const std::string& volume, const std::string& claim);

struct VolumeSize {
  int64_t bytes = 0;     // what the claim shall ask for
  int64_t asked = 0;     // kSizeAnnotation
  int64_t grown = -1;    // kGrownAnnotation; -1 = none
  std::string reason;    // a sentence: why it shall be more than it is
  std::string limit;     // a sentence: why it doesn't grow though it is too full; "" if it isn't
  bool shrinks = false;  // the spec asks for less than the claim was given: `bytes` is what it has
};

// What a volume made now would have, if it, or another broker's, was grown to that (-1: it wasn't).
int64_t NewSize(const api::StorageVolume& volume, const std::optional<api::AutoGrow>& grow, int64_t grown);

// `grow` of the volume or of all; `use` as now. `volume.size` must be a quantity.
VolumeSize SizeOf(const api::StorageVolume& volume, const std::optional<api::AutoGrow>& grow,
                  const Claim& claim, const VolumeUse& use);

}  // namespace dohle::reconcile
