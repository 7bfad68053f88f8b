// CRC-32C (Castagnoli, RFC 3720 appendix B.4), as record batches v2 carry it.
#pragma once

#include <cstdint>
#include <string_view>

namespace dohle {

uint32_t Crc32c(std::string_view data);
// Extends `crc`, the checksum of what came before, by `data`.
uint32_t Crc32cExtend(uint32_t crc, std::string_view data);

}  // namespace dohle
