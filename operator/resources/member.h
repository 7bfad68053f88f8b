// One broker of a Cluster, as its objects are to be. Plain data.
#pragma once

#include <cstdint>

namespace dohle::resources {

// How far the removal of a broker is; its claims say so (kRemovalAnnotation), as they are what is left of it.
enum class Removal {
  kNone,
  kDraining,  // "draining": it takes no new replicas, and those that it has move away
  kStopping,  // "stopping": it holds nothing any more; its Pod goes, and the cluster forgets it
  kDone,      // "done": the claim is kept, but is no broker's; it becomes one again when its id is needed
};

struct Member {
  int32_t id = 0;
  bool runs = true;      // has a Pod
  bool founder = false;  // formats itself as a first voter (quorum.h)
  Removal removal = Removal::kNone;
  // Its claims bear the annotation, which stays when its removal is taken back.
  bool marked = false;

  friend bool operator==(const Member&, const Member&) = default;
};

}  // namespace dohle::resources
