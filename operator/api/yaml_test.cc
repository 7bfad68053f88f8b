#include "operator/api/yaml.h"

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>

namespace dohle::api {
namespace {

using Json = nlohmann::json;

TEST(YamlTest, IsReadable) {
  const Json object = Json::parse(R"({"a":{"b":[{"c":1,"d":true},{"c":2.5}],"e":[],"f":{}},"g":null,
                                      "h":"line one\nline two\n","i":"true","j":"x: y","k":"12"})");
  EXPECT_EQ(ToYaml(object), R"(a:
  b:
    - c: 1
      d: true
    - c: 2.5
  e: []
  f: {}
g: ~
h: |
  line one
  line two
i: "true"
j: "x: y"
k: "12"
)");
}

TEST(YamlTest, TextsStayTexts) {
  for (const char* text : {"",
                           "a",
                           "true",
                           "No",
                           "y",
                           "NULL",
                           "~",
                           "1",
                           "1.5",
                           "-1",
                           ".5",
                           ".inf",
                           "0x1f",
                           "1e3",
                           "2026-11-21",
                           "a: b",
                           "a #b",
                           "- a",
                           "*a",
                           "&a",
                           "!a",
                           "`a`",
                           "\"q\"",
                           "'q'",
                           "a\tb",
                           "a\nb",
                           "a\nb\n",
                           "a\nb\n\n",
                           "\na\n",
                           "  a\nb\n",
                           "a ",
                           " a",
                           "{a}",
                           "[a]",
                           "%a",
                           "@a",
                           "a,b",
                           "key",
                           "ümlaut",
                           "a\x01",
                           "node.id=1\nx=\\\\\n",
                           "a \nb\n",
                           "?",
                           ":",
                           "a:",
                           "=",
                           "<<"}) {
    const YAML::Node node = YAML::Load(ToYaml({{"k", text}}))["k"];
    EXPECT_EQ(node.Scalar(), text);
    // "!": it stood in quotes or in a block; else it must be one that no resolver takes for another type.
    if (node.Tag() != "!") {
      bool boolean = false;
      double number = 0;
      EXPECT_FALSE(YAML::convert<bool>::decode(node, boolean) || YAML::convert<double>::decode(node, number))
          << text;
    }
    EXPECT_TRUE(node.IsScalar()) << text;
  }
}

}  // namespace
}  // namespace dohle::api
