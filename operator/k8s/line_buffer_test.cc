#include "operator/k8s/line_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "lib/env/xoshiro.h"

namespace dohle::k8s {
namespace {

TEST(LineBufferTest, FindsLinesWhereverThePiecesEnd) {
  const uint64_t seed = 20261121;
  SCOPED_TRACE(seed);
  env::Xoshiro random(seed);
  for (int run = 0; run < 300; ++run) {
    std::vector<std::string> lines;
    std::string stream;
    for (uint64_t i = random.Below(20); i > 0; --i) {
      std::string line(1 + random.Below(30), static_cast<char>('a' + i));
      stream += line + (random.Chance(0.3) ? "\n\n" : random.Chance(0.1) ? "\n\r\n" : "\n");
      lines.push_back(std::move(line));
    }
    const std::string rest(random.Below(5), 'z');
    stream += rest;
    LineBuffer buffer(1000);
    std::vector<std::string> got;
    for (size_t at = 0; at < stream.size();) {
      const size_t n = std::min(static_cast<size_t>(1 + random.Below(40)), stream.size() - at);
      buffer.Append(std::string_view(stream).substr(at, n));
      at += n;
      if (random.Chance(0.5)) continue;
      while (auto line = buffer.TakeLine()) got.push_back(std::move(*line));
    }
    while (auto line = buffer.TakeLine()) got.push_back(std::move(*line));
    ASSERT_EQ(got, lines);
    ASSERT_EQ(buffer.TakeRest(), rest);
  }
}

TEST(LineBufferTest, BoundsALine) {
  LineBuffer buffer(10);
  buffer.Append("0123456789");
  EXPECT_FALSE(buffer.too_long());
  buffer.Append("0");
  EXPECT_TRUE(buffer.too_long());
  buffer.Append("\n01");
  EXPECT_FALSE(buffer.too_long()) << "what is whole is taken";
  EXPECT_EQ(buffer.TakeLine(), "01234567890");
  EXPECT_EQ(buffer.buffered(), 2u);
}

}  // namespace
}  // namespace dohle::k8s
