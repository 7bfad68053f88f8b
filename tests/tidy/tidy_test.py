"""Each rule finds what breaks it, and lets alone what doesn't."""

import unittest

import tidy


def rules_of(findings):
    return [finding.rule for finding in findings]


class Layers(unittest.TestCase):
    LINES = ["base ->", "env -> base", "server -> env", "tests -> server", "TESTS -> sim", "sim -> env"]

    def check(self, path, header):
        return rules_of(tidy.check_layers({path: f'#include "{header}"\n'}, self.LINES))

    def test_upwards_is_found(self):
        self.assertEqual(self.check("base/a.h", "env/b.h"), ["layers"])

    def test_downwards_through_others_is_fine(self):
        self.assertEqual(self.check("server/a.h", "base/b.h"), [])

    def test_only_tests_include_the_simulation(self):
        self.assertEqual(self.check("server/a.cc", "sim/b.h"), ["layers"])
        self.assertEqual(self.check("server/a_test.cc", "sim/b.h"), [])

    def test_unknown_folder_is_found(self):
        self.assertEqual(self.check("elsewhere/a.cc", "base/b.h"), ["layers"])

    def test_commented_include_is_none(self):
        self.assertEqual(rules_of(tidy.check_layers({"base/a.h": '// #include "env/b.h"\n'}, self.LINES)), [])

    def test_the_real_file_keeps_the_three_apart(self):
        layers = tidy.load_layers(tidy.rule_lines("layers.txt"))
        three = ["broker/coordinator", "broker/controller", "broker/replica"]
        for one in three:
            self.assertEqual([other for other in three if other in layers[one]], [one])
            self.assertIn(one, layers["broker/server"])
        self.assertEqual(layers["broker/raft"], {"broker/raft", "lib/base"})
        self.assertFalse([f for f in layers["operator/reconcile"] if f.startswith("broker")])


class Cycles(unittest.TestCase):
    def test_cycle_is_found(self):
        texts = {"a.h": '#include "b.h"\n', "b.h": '#include "c.h"\n', "c.h": '#include "a.h"\n'}
        self.assertEqual(rules_of(tidy.check_cycles(texts)), ["cycles"])

    def test_diamond_is_fine(self):
        texts = {"a.h": '#include "b.h"\n#include "c.h"\n', "b.h": '#include "d.h"\n', "c.h": '#include "d.h"\n',
                 "d.h": ""}
        self.assertEqual(rules_of(tidy.check_cycles(texts)), [])


class ThirdParty(unittest.TestCase):
    def check(self, path, header):
        return rules_of(tidy.check_third_party({path: f"#include <{header}>\n"}))

    def test_outside_its_adapter(self):
        for header in ("asio.hpp", "asio/ip/tcp.hpp", "openssl/ssl.h", "spdlog/spdlog.h", "sys/socket.h", "zstd.h"):
            self.assertEqual(self.check("broker/server/a.cc", header), ["third party"], header)

    def test_inside_its_adapter(self):
        self.assertEqual(self.check("lib/env/posix/a.cc", "asio.hpp"), [])
        self.assertEqual(self.check("lib/base/log.cc", "spdlog/spdlog.h"), [])

    def test_unknown_library(self):
        self.assertEqual(self.check("lib/base/a.cc", "boost/any.hpp"), ["third party"])

    def test_standard_library_is_fine(self):
        self.assertEqual(self.check("broker/server/a.cc", "string_view"), [])


class Patterns(unittest.TestCase):
    def test_each_rule_finds_its_bad_example(self):
        config = tidy.load_patterns()
        for name in config.sections():
            bad = config[name]["bad"].replace("[dot]", ".").replace("[]", "")
            path = config[name]["in"]
            with self.subTest(name):
                self.assertIn(name, rules_of(tidy.check_patterns({path: bad + "\n"}, config)))

    def test_comments_and_strings_do_not_count(self):
        text = '// std::thread here\nauto s = "std::thread";\n/* std::mutex\n std::mutex */\n'
        self.assertEqual(rules_of(tidy.check_patterns({"broker/server/a.cc": text})), [])

    def test_allowed_files_may(self):
        text = "std::thread t;\nstd::mutex m;\n"
        self.assertEqual(rules_of(tidy.check_patterns({"lib/env/posix/a.cc": text})), [])

    def test_line_numbers_survive_stripping(self):
        text = '/* a\n b */\nauto x = R"(\n\n)";\nstd::mutex m;\n'
        self.assertEqual([f.line for f in tidy.check_patterns({"broker/server/a.cc": text})], [6])


class Headers(unittest.TestCase):
    def test_both_are_asked_for(self):
        self.assertEqual(rules_of(tidy.check_headers({"a.h": "int x;\n"})), ["headers", "headers"])
        self.assertEqual(rules_of(tidy.check_headers({"a.h": "// What.\n#pragma once\n"})), [])


class Sizes(unittest.TestCase):
    LINES = ["file 20 30", "function 5 10", "b.cc why"]

    def test_long_function_fails_and_longish_is_remarked(self):
        text = "int Long(int a) {\n" + "  ++a;\n" * 12 + "}\nint Longish() {\n" + "  f();\n" * 6 + "}\n"
        findings, remarks = tidy.check_sizes({"a.cc": text}, self.LINES)
        self.assertEqual([f.message for f in findings], ["a.cc:Long: a function of 14 lines"])
        self.assertEqual([f.message for f in remarks],
                         ["a.cc: a file of 22 lines", "a.cc:Longish: a function of 8 lines"])

    def test_long_file_fails_unless_listed(self):
        text = "int x;\n" * 40
        self.assertEqual(len(tidy.check_sizes({"a.cc": text}, self.LINES)[0]), 1)
        self.assertEqual(len(tidy.check_sizes({"b.cc": text}, self.LINES)[0]), 0)

    def test_what_is_a_function(self):
        text = """namespace a {
class B final : public C {
 public:
  B(int x) : x_(x), y_{x} { F(); }
  int G() const override {
    if (x_) { return 1; }
    auto f = [this](int a) { return a; };
    return f(2);
  }
 private:
  int x_ = 0;
  std::vector<int> y_{1, 2};
};
struct D { int e = 0; };
StatusOr<std::vector<int>> B::H(
    int a,
    int b) {
  return {};
}
}  // namespace a
"""
        found = [(name, length) for _, name, length in tidy.functions(text) if name != "B"]
        self.assertEqual(found, [("G", 5), ("B::H", 5)])


if __name__ == "__main__":
    unittest.main()
