// The seed of a test that draws: that of the environment variable DOHLE_SEED, else a new one. The test prints
// it.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>

namespace dohle::env {

inline uint64_t TestSeed() {
  if (const char* seed = std::getenv("DOHLE_SEED")) return std::strtoull(seed, nullptr, 10);
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

}  // namespace dohle::env
