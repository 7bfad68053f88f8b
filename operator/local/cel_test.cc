#include "operator/local/cel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace dohle::local {
namespace {

using k8s::Json;
using testing::HasSubstr;

const Json kSelf = Json::parse(R"({
  "n": 3, "x": 1.5, "name": "kafka-1", "tags": ["a", "b"], "none": null, "on": true,
  "volumes": [{"name": "data", "size": 1}, {"name": "logs", "size": 2}],
  "config": {"log.dirs": "/x", "a": "1"}})");
const Json kOld = Json::parse(R"({"n": 2, "volumes": [{"name": "data"}]})");

std::string Result(const std::string& text) {
  const StatusOr<CelProgram> program = CelProgram::Parse(text);
  if (!program.ok()) return "parse: " + std::string(Message(program.status()));
  const StatusOr<Json> value = program->EvaluateToJson(kSelf, &kOld);
  return value.ok() ? value->dump() : std::string(Message(value.status()));
}

TEST(Cel, Computes) {
  const std::pair<const char*, const char*> cases[] = {
      {"self.n + 2 * 3 - 1", "8"},
      {"(self.n + 2) * 3 % 4", "3"},
      {"-self.n / 2", "-1"},
      {"7 / 2.0", "3.5"},
      {"self.x > 1 && self.n >= 3 && self.n <= 3", "true"},
      {"self.name == 'kafka-1' ? \"yes\" : 'no'", "\"yes\""},
      {"'a' in self.tags && !('c' in self.tags)", "true"},
      {"'log.dirs' in self.config", "true"},
      {"self.config['a'] == '1'", "true"},
      {"self.tags[1]", "\"b\""},
      {"has(self.n) && !has(self.missing)", "true"},
      {"size(self.tags) + self.name.size()", "9"},
      {"size('täg')", "3"},
      {"self.name.matches('^[a-z]+-[0-9]$')", "true"},
      {"self.name.matches(r'^\\w+-\\d$')", "true"},
      {"self.name.matches('^\\\\w+$')", "false"},
      {"self.name.startsWith('kafka') && self.name.endsWith('1') && self.name.contains('-')", "true"},
      {"self.volumes.all(v, v.size > 0)", "true"},
      {"self.volumes.exists(v, v.name == 'logs')", "true"},
      {"self.volumes.exists_one(v, v.size > 0)", "false"},
      {"self.volumes.map(v, v.name)", "[\"data\",\"logs\"]"},
      {"self.volumes.map(v, v.size > 1, v.name)", "[\"logs\"]"},
      {"self.volumes.filter(v, v.size > 1)[0].name", "\"logs\""},
      {"oldSelf.volumes.all(o, self.volumes.exists(v, v.name == o.name))", "true"},
      {"self.config.all(k, k != 'b')", "true"},
      {"['a', 'b'].all(k, !(k in self.config))", "false"},
      {"'a' + 'b' + string(self.n) + string(true)", "\"ab3true\""},
      {"int('12') + int(1.9)", "13"},
      {"[1, 2] + [3]", "[1,2,3]"},
      {"self.none == null", "true"},
      {"'1' == 1", "false"},
      {"!self.on || self.n > oldSelf.n", "true"},
      {"'  x '.trim() + 'A'.lowerAscii()", "\"xa\""},
      {"0x10 + 1u", "17"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(Result(text), expected) << text;
}

TEST(Cel, TellsWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"self.missing > 1", "no such key: missing"},
      {"self.name > 1", "no such overload: >"},
      {"self.n / 0", "division by zero"},
      {"9223372036854775807 + 1", "integer overflow"},
      {"-9223372036854775807 - 2", "integer overflow"},
      {"self.tags[2]", "index out of bounds"},
      {"other", "undeclared reference to 'other'"},
      {"self.name.reverse()", "no such overload: reverse"},
      {"self.n && true", "no such overload: &&"},
      {"self.volumes.all(v, v.missing == 1)", "no such key: missing"},
      {"self.name.matches(self.name + '(')", "not a regular expression"},
  };
  for (const auto& [text, expected] : cases) EXPECT_THAT(Result(text), HasSubstr(expected)) << text;
}

TEST(Cel, AnErrorCountsOnlyIfTheOtherSideDoesNotDecide) {
  EXPECT_EQ(Result("self.missing == 1 || true"), "true");
  EXPECT_EQ(Result("self.missing == 1 && false"), "false");
  EXPECT_EQ(Result("self.volumes.exists(v, v.missing == 1 || v.name == 'logs')"), "true");
  EXPECT_THAT(Result("self.missing == 1 && true"), HasSubstr("no such key"));
}

TEST(Cel, RefusesWhatItDoesNotKnow) {
  for (const char* bad :
       {"", "self.", "self.n +", "(self.n", "'open", "self.n self", "{'a': 1}", "has(self)", "[1, 2", "1a",
        "self.all(1, true)", "'\\z'", "a ? b", "#", "self.matches('(')", "self.map(x)"}) {
    EXPECT_THAT(Result(bad), HasSubstr("parse: ")) << bad;
  }
}

TEST(Cel, IsBounded) {
  EXPECT_THAT(Result(std::string(500, '(') + "1" + std::string(500, ')')), HasSubstr("nested too deeply"));
  EXPECT_THAT(Result(std::string(20000, ' ') + "1"), HasSubstr("at most"));
  std::string chain = "1";
  for (int i = 0; i < 200; ++i) chain += " + 1";
  EXPECT_THAT(Result(chain), HasSubstr("too many operators"));
  EXPECT_THAT(Result(std::string(200, '!') + "true"), HasSubstr("unexpected"));
  std::string list = "[0";
  for (int i = 1; i < 200; ++i) list += "," + std::to_string(i);
  list += "]";
  EXPECT_THAT(Result(list + ".all(a, " + list + ".all(b, " + list + ".all(c, a + b + c >= 0)))"),
              HasSubstr("too many steps"));
}

TEST(Cel, KnowsTransitionRules) {
  EXPECT_TRUE(CelProgram::Parse("self >= oldSelf")->uses_old_self());
  EXPECT_FALSE(CelProgram::Parse("self >= 1 && 'oldSelf' != ''")->uses_old_self());
}

}  // namespace
}  // namespace dohle::local
