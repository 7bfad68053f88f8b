// Whether the metadata speaks of this process yet, or still of the one before it.
//
// Metadata on a broker's disk may name it as leader: of an epoch in which another process led, which may
// have had more than is left here. The registration ends that epoch (KIP-966). What is written before it
// would stand beside other records of the same epoch at the same offsets, and no follower could tell them
// apart. So until then this process leads nothing, whatever the metadata says.
//
// Pure; belongs to a metadata publisher.
#pragma once

#include "broker/metadata/image.h"
#include "lib/base/ids.h"

namespace dohle::metadata {

class OwnLife {
 public:
  // `incarnation` is what this process registers under. Zero: it registers with nobody (tests), and counts
  // from the start.
  OwnLife(NodeId node_id, const Uuid& incarnation)
      : node_id_(node_id), incarnation_(incarnation), begun_(incarnation.is_zero()) {}

  // `image` is newer than those before. True for the first one that knows of this process.
  bool Begins(const MetadataImage& image);
  // Stays: whoever takes this broker's place in the metadata later is another process, and says so there.
  bool begun() const { return begun_; }

 private:
  const NodeId node_id_;
  const Uuid incarnation_;
  bool begun_;
};

}  // namespace dohle::metadata
