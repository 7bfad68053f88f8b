// Numbers as Kafka's files have them: big-endian, unaligned. The caller has checked the bounds.
#pragma once

#include <cstdint>
#include <string>

#include "lib/kafka/endian.h"

namespace dohle::storage {

template <typename T>
T LoadBig(const char* from) {
  return kafka::LoadBigEndian<T>(from);
}

template <typename T>
void StoreBig(char* to, T number) {
  kafka::StoreBigEndian<T>(to, number);
}

template <typename T>
void AppendBig(std::string& to, T number) {
  char bytes[sizeof(T)];
  StoreBig<T>(bytes, number);
  to.append(bytes, sizeof(T));
}

}  // namespace dohle::storage
