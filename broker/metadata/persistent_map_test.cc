#include "broker/metadata/persistent_map.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>

namespace dohle::metadata {
namespace {

template <typename K, typename V>
std::map<K, V> Content(const PersistentMap<K, V>& map) {
  std::map<K, V> content;
  for (const auto& [key, value] : map) EXPECT_TRUE(content.emplace(key, value).second);
  EXPECT_EQ(content.size(), map.size());
  return content;
}

TEST(PersistentMap, ACopyKeepsWhatItHad) {
  PersistentMap<std::string, int> map;
  for (int i = 0; i < 5000; ++i) map.Set("topic-" + std::to_string(i), i);
  const PersistentMap<std::string, int> before = map;
  map.Set("topic-7", -7);
  *map.FindMutable(std::string_view("topic-8")) = -8;
  EXPECT_TRUE(map.Erase(std::string_view("topic-9")));
  EXPECT_FALSE(map.Erase(std::string_view("topic-9")));
  EXPECT_EQ(*before.Find("topic-7"), 7);
  EXPECT_EQ(*before.Find("topic-8"), 8);
  EXPECT_EQ(*before.Find("topic-9"), 9);
  EXPECT_EQ(before.size(), 5000u);
  EXPECT_EQ(*map.Find("topic-7"), -7);
  EXPECT_EQ(*map.Find("topic-8"), -8);
  EXPECT_EQ(map.Find("topic-9"), nullptr);
  EXPECT_EQ(Content(map).size(), 4999u);
}

struct Colliding {
  int32_t value = 0;
  // NOLINTNEXTLINE: found by PersistentHash through the conversion
  operator std::string_view() const { return "same"; }
  friend bool operator==(const Colliding&, const Colliding&) = default;
};

TEST(PersistentMap, EqualHashesShareALeaf) {
  PersistentMap<Colliding, int> map;
  for (int i = 0; i < 50; ++i) map.Set({i}, i);
  EXPECT_EQ(map.size(), 50u);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(*map.Find(Colliding{i}), i);
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(map.Erase(Colliding{i}));
  EXPECT_TRUE(map.empty());
  EXPECT_EQ(map.begin(), map.end());
}

TEST(PersistentMap, PropertyBehavesAsAMapAndLeavesItsCopiesAlone) {
  EXPECT_TRUE(rc::check("as std::map", [] {
    PersistentMap<int32_t, int32_t> map;
    std::map<int32_t, int32_t> model;
    std::vector<std::pair<PersistentMap<int32_t, int32_t>, std::map<int32_t, int32_t>>> copies;
    const auto steps = *rc::gen::container<std::vector<std::tuple<uint8_t, uint8_t, int32_t>>>(rc::gen::tuple(
        rc::gen::arbitrary<uint8_t>(), rc::gen::arbitrary<uint8_t>(), rc::gen::arbitrary<int32_t>()));
    for (const auto& [what, key, value] : steps) {
      if (what % 8 == 0) {
        copies.emplace_back(map, model);
      } else if (what % 8 < 4) {
        map.Set(key * 1024, value);
        model[key * 1024] = value;
      } else if (what % 8 < 6) {
        RC_ASSERT(map.Erase(key * 1024) == (model.erase(key * 1024) == 1));
      } else if (int32_t* found = map.FindMutable(key * 1024); found != nullptr) {
        *found = value;
        model[key * 1024] = value;
      }
    }
    copies.emplace_back(map, model);
    for (const auto& [copy, expected] : copies) RC_ASSERT(Content(copy) == expected);
  }));
}

}  // namespace
}  // namespace dohle::metadata
