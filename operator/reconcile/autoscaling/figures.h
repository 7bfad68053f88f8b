// Figures for people, in the notes of decisions. Pure.
#pragma once

#include <cstdint>
#include <string>

namespace dohle::reconcile::autoscaling {

std::string Bytes(double bytes);                 // "12.3 MiB"
std::string PerSecond(double bytes_per_second);  // "12.3 MiB/s"
std::string Seconds(int64_t ms);                 // "3 s", "2.5 s"

}  // namespace dohle::reconcile::autoscaling
