#include "operator/local/yaml_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace dohle::local {
namespace {

using k8s::Json;
using testing::HasSubstr;

Json Value(const std::string& text) {
  std::vector<YamlDocument> documents;
  std::vector<YamlFault> faults;
  ParseYaml("v: " + text + "\n", &documents, &faults);
  if (!faults.empty()) return "fault: " + faults[0].sentence;
  return (*documents.at(0).value)["v"];
}

TEST(YamlDocument, ScalarsMeanWhatTheyMeanToKubectl) {
  const std::pair<const char*, const char*> cases[] = {{"true", "true"},
                                                       {"yes", "true"},
                                                       {"Off", "false"},
                                                       {"\"true\"", "\"true\""},
                                                       {"'1'", "\"1\""},
                                                       {"1", "1"},
                                                       {"-7", "-7"},
                                                       {"0x1F", "31"},
                                                       {"010", "8"},
                                                       {"1_000", "1000"},
                                                       {"1.5", "1.5"},
                                                       {"1e3", "1000.0"},
                                                       {"~", "null"},
                                                       {"", "null"},
                                                       {"1.2.3", "\"1.2.3\""},
                                                       {"10Gi", "\"10Gi\""},
                                                       {"9223372036854775807", "9223372036854775807"},
                                                       {"18446744073709551615", "18446744073709551615"},
                                                       {"-9223372036854775808", "-9223372036854775808"},
                                                       {"100000000000000000000", "1e+20"},
                                                       {"2026-11-21", "\"2026-11-21\""},
                                                       {"!!str 1", "\"1\""},
                                                       {"e3", "\"e3\""},
                                                       {".inf", "\".inf\""},
                                                       {"[a, {b: c}]", "[\"a\",{\"b\":\"c\"}]"},
                                                       {"08", "8.0"},
                                                       {"1.", "1.0"}};
  for (const auto& [text, expected] : cases) EXPECT_EQ(Value(text).dump(), expected) << text;
  EXPECT_EQ(Value("!!binary eA=="), "fault: the tag tag:yaml.org,2002:binary isn't known here");
}

TEST(YamlDocument, KnowsTheLines) {
  std::vector<YamlDocument> documents;
  std::vector<YamlFault> faults;
  ParseYaml(
      "# comment\na: 1\nspec:\n  list:\n  - port: 1\n    name: x\n  - port: 2\n---\n\nb:\n  c: |\n    text\n",
      &documents, &faults);
  ASSERT_EQ(documents.size(), 2u);
  EXPECT_TRUE(faults.empty());
  EXPECT_EQ(documents[0].LineOf("a"), 2);
  EXPECT_EQ(documents[0].LineOf("spec.list[0].name"), 6);
  EXPECT_EQ(documents[0].LineOf("spec.list[1].missing"), 7);
  EXPECT_EQ(documents[0].LineOf("spec.other"), 3);
  EXPECT_EQ(documents[1].LineOf("b.c"), 11);
  EXPECT_EQ((*documents[1].value)["b"]["c"], "text\n");
}

TEST(YamlDocument, AFaultDoesNotStopTheOthers) {
  std::vector<YamlDocument> documents;
  std::vector<YamlFault> faults;
  ParseYaml("a: 1\n---\na: [1\nb: 2\n---\na: 3\n---\na: 1\nb:\n  c: 1\n  c: 2\n---\n<<: {a: 1}\n", &documents,
            &faults);
  ASSERT_EQ(documents.size(), 2u);
  ASSERT_EQ(faults.size(), 3u);
  EXPECT_THAT(faults[0].sentence, HasSubstr("not YAML: "));
  EXPECT_GE(faults[0].line, 3);
  EXPECT_EQ(faults[1].field, "b.c");
  EXPECT_EQ(faults[1].line, 11);
  EXPECT_EQ(faults[1].sentence, "is there twice");
  EXPECT_THAT(faults[2].sentence, HasSubstr("merge keys"));
}

TEST(YamlDocument, IsBounded) {
  std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c < 'j'; ++c) {
    bomb += fmt::format("{}: &{} [", c, c);
    for (int i = 0; i < 10; ++i) bomb += fmt::format("{}*{}", i == 0 ? "" : ",", static_cast<char>(c - 1));
    bomb += "]\n";
  }
  std::vector<YamlDocument> documents;
  std::vector<YamlFault> faults;
  ParseYaml(bomb, &documents, &faults);
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_THAT(faults[0].sentence, HasSubstr("too large"));
  EXPECT_THAT(Value(std::string(100, '[') + std::string(100, ']')).dump(), HasSubstr("nested too deeply"));
  faults.clear();
  ParseYaml(std::string(kMaxYamlBytes + 1, ' '), &documents, &faults);
  EXPECT_EQ(faults.size(), 1u);
}

}  // namespace
}  // namespace dohle::local
