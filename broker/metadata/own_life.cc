#include "broker/metadata/own_life.h"

namespace dohle::metadata {

bool OwnLife::Begins(const MetadataImage& image) {
  if (begun_) return false;
  const BrokerRegistration* registration = image.cluster.Broker(node_id_);
  begun_ = registration != nullptr && registration->incarnation_id == incarnation_;
  return begun_;
}

}  // namespace dohle::metadata
