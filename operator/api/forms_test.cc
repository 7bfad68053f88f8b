#include "operator/api/forms.h"

#include <gtest/gtest.h>

#include <regex>

#include "lib/env/xoshiro.h"
#include "operator/api/nearest_name.h"
#include "operator/api/quantity.h"
#include "operator/api/time_text.h"

namespace dohle::api {
namespace {

constexpr const TextForm* kForms[] = {&kNameForm,      &kListenerNameForm,   &kSizeForm,
                                      &kShareForm,     &kAdvertisedPortForm, &kBootstrapServersForm,
                                      &kTopicNameForm, &kThrottleForm};

TEST(FormsTest, PatternAndMatcherAgree) {
  std::vector<std::string> texts = {"",
                                    "a",
                                    "a-b",
                                    "a-",
                                    "-a",
                                    "A",
                                    "0",
                                    "10Gi",
                                    "Auto",
                                    "Auto1",
                                    "1.5Gi",
                                    "0.5Gi",
                                    "1.",
                                    "12K",
                                    "1Ki",
                                    "9092",
                                    "{id}",
                                    "90{id}",
                                    "{id",
                                    "a:1",
                                    "a:1,",
                                    "a:1,b:2",
                                    "[::1]:9092",
                                    "[::1:1",
                                    "a:123456",
                                    "a b",
                                    ".",
                                    "..",
                                    "x_y.z-1",
                                    "1234567890123456",
                                    "1.1234567890G"};
  constexpr uint64_t kSeed = 20261121;
  SCOPED_TRACE(kSeed);
  env::Xoshiro random(kSeed);
  // Pieces that make both accepted and refused texts likely.
  const std::vector<std::string> pieces = {"a", "Z",         "0",     "7",    "-",          ".",  ":",
                                           ",", "[",         "]",     "{id}", "{nodePort}", "Gi", "M",
                                           "_", "localhost", ":9092", "é",    "{"};
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (uint64_t n = random.Next() % 6; n > 0; --n) text += pieces[random.Next() % pieces.size()];
    texts.push_back(std::move(text));
  }
  for (const TextForm* form : kForms) {
    const std::regex pattern{std::string(form->pattern)};
    int accepted = 0;
    for (const std::string& text : texts) {
      const bool matches = std::regex_match(text, pattern);
      EXPECT_EQ(form->matches(text), matches) << form->pattern << " on " << text;
      accepted += matches;
    }
    EXPECT_GT(accepted, 3) << form->pattern;
  }
}

TEST(QuantityTest, Parses) {
  const std::vector<std::pair<std::string, int64_t>> cases = {{"0", 0},
                                                              {"1", 1},
                                                              {"10Gi", int64_t{10} << 30},
                                                              {"1.5Ki", 1536},
                                                              {"500M", 500'000'000},
                                                              {".5Ki", 512},
                                                              {"1500m", 2},
                                                              {"1e3", 1000},
                                                              {"1E3", 1000},
                                                              {"1E", 1'000'000'000'000'000'000},
                                                              {"1e-3", 1},
                                                              {"1n", 1},
                                                              {"0.0001Ki", 1},
                                                              {"1e+2", 100},
                                                              {"9Ei", INT64_MAX},
                                                              {"999999999999999999Ei", INT64_MAX},
                                                              {"1.000000000000000001", 2},
                                                              {"7Ei", int64_t{7} << 60}};
  for (const auto& [text, value] : cases) EXPECT_EQ(ParseQuantity(text), value) << text;
  for (const char* text :
       {"", "-1", "Gi", "1gi", "1 Gi", "1e", "1e99", "x", ".", "1.2.3", "1234567890123456789", "1KiB"}) {
    EXPECT_EQ(ParseQuantity(text), std::nullopt) << text;
  }
}

TEST(TimeTextTest, ThereAndBack) {
  EXPECT_EQ(TimeText(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(ParseTimeText("2026-11-21T12:00:00Z"), 1795262400000);
  EXPECT_EQ(ParseTimeText("2026-11-21T13:00:00.250+01:00"), 1795262400250);
  for (const char* text : {"", "now", "infinite-future", "2026-11-21", "2026-13-01T00:00:00Z"}) {
    EXPECT_EQ(ParseTimeText(text), std::nullopt) << text;
  }
}

TEST(NearestNameTest, FindsWhatWasMeant) {
  constexpr std::string_view kNames[] = {"brokers", "listeners", "storageClassName"};
  EXPECT_EQ(NearestName("broker", kNames), "brokers");
  EXPECT_EQ(NearestName("storageclassname", kNames), "storageClassName");
  EXPECT_EQ(NearestName("listner", kNames), "listeners");
  EXPECT_EQ(NearestName("paused", kNames), "");
  EXPECT_EQ(NearestName(std::string(1000, 'a'), kNames), "");
}

}  // namespace
}  // namespace dohle::api
