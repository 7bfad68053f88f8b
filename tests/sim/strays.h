// Requests between the brokers of a simulation that come twice, the second time late: behind newer ones, and
// perhaps after their sender's death.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "tests/sim/cluster.h"

namespace dohle::sim {

class Strays {
 public:
  // Both outlive the network's last message.
  Strays(env::SimWorld& world, const Cluster& cluster);
  ~Strays();
  // Of a request to come once more.
  void set_chance(double chance) { chance_ = chance; }

 private:
  void See(uint64_t connection, const env::Endpoint& from, const env::Endpoint& to, std::string_view bytes);
  void Repeat(const env::Endpoint& from, const env::Endpoint& to, std::string frame);

  env::SimWorld& world_;
  std::set<std::string> hosts_;
  double chance_ = 0;
  std::map<uint64_t, std::string> begun_;  // by connection: a request of which not all is written yet
};

}  // namespace dohle::sim
