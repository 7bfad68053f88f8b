// The framing of snappy-java, for compression.cc and compression_streams.cc: a header of magic, version and
// oldest compatible version, then blocks, each an int32 of its compressed size and a raw snappy block.
#pragma once

#include <string_view>

namespace dohle::kafka {

inline constexpr std::string_view kXerialMagic{"\x82SNAPPY\0", 8};
inline constexpr std::string_view kXerialVersions{"\0\0\0\1\0\0\0\1", 8};

}  // namespace dohle::kafka
