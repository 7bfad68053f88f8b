#include "absl/strings/numbers.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <utility>

#include "operator/local/cel.h"
#include "operator/local/cel_node.h"

namespace dohle::local {
namespace {

constexpr std::array<std::string_view, 5> kMacros{"all", "exists", "exists_one", "filter", "map"};

struct Token {
  enum class Kind { kEnd, kName, kNumber, kString, kSign };
  Kind kind = Kind::kEnd;
  std::string text;  // of a string: what it says
  size_t at = 0;
};

Status Malformed(size_t at, std::string_view why) {
  return MakeStatus(StatusCode::kInvalidArgument, "CEL, character {}: {}", at + 1, why);
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  StatusOr<std::vector<Token>> Tokens() {
    std::vector<Token> tokens;
    for (;;) {
      while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
      Token token;
      token.at = at_;
      if (at_ < text_.size()) DOHLE_RETURN_IF_ERROR(Next(token));
      tokens.push_back(token);
      if (tokens.back().kind == Token::Kind::kEnd) return tokens;
    }
  }

 private:
  Status Next(Token& token) {
    const char c = text_[at_];
    const bool raw =
        (c == 'r' || c == 'R') && at_ + 1 < text_.size() && (text_[at_ + 1] == '\'' || text_[at_ + 1] == '"');
    if (c == '\'' || c == '"' || raw) {
      at_ += raw ? 1 : 0;
      return String(token, raw);
    }
    if (std::isdigit(static_cast<unsigned char>(c))) {
      token.kind = Token::Kind::kNumber;
      Take(token, [](char d) { return std::isalnum(static_cast<unsigned char>(d)) || d == '.'; });
      return OkStatus();
    }
    if (std::isalpha(static_cast<unsigned char>(c)) || c == '_') {
      token.kind = Token::Kind::kName;
      Take(token, [](char d) { return std::isalnum(static_cast<unsigned char>(d)) || d == '_'; });
      return OkStatus();
    }
    token.kind = Token::Kind::kSign;
    for (const std::string_view sign : {"&&", "||", "==", "!=", "<=", ">="}) {
      if (text_.substr(at_).starts_with(sign)) {
        token.text = std::string(sign);
        at_ += sign.size();
        return OkStatus();
      }
    }
    if (std::string_view("!<>+-*/%?:,.()[]").find(c) == std::string_view::npos)
      return Malformed(at_, fmt::format("'{}' is unexpected", c));
    token.text = std::string(1, c);
    ++at_;
    return OkStatus();
  }

  template <typename Belongs>
  void Take(Token& token, Belongs belongs) {
    while (at_ < text_.size() && belongs(text_[at_])) token.text += text_[at_++];
  }

  Status String(Token& token, bool raw) {
    token.kind = Token::Kind::kString;
    const char quote = text_[at_++];
    for (; at_ < text_.size(); ++at_) {
      char c = text_[at_];
      if (c == quote) {
        ++at_;
        return OkStatus();
      }
      if (c == '\\' && !raw) {
        if (++at_ == text_.size()) break;
        static constexpr std::string_view kEscapes = R"(\'"`?nrtabfv)";
        static constexpr std::string_view kMeanings = "\\'\"`?\n\r\t\a\b\f\v";
        const size_t which = kEscapes.find(text_[at_]);
        if (which == std::string_view::npos)
          return Malformed(at_, fmt::format("\\{} is no escape that is known here", text_[at_]));
        c = kMeanings[which];
      }
      token.text += c;
    }
    return Malformed(token.at, "the string has no end");
  }

  const std::string_view text_;
  size_t at_ = 0;
};

CelNode Node(CelNode::Kind kind, std::string name, std::vector<CelNode> parts) {
  CelNode node;
  node.kind = kind;
  node.name = std::move(name);
  node.parts = std::move(parts);
  return node;
}

CelNode Operator(std::string name, CelNode left, CelNode right) {
  std::vector<CelNode> parts;
  parts.push_back(std::move(left));
  parts.push_back(std::move(right));
  return Node(CelNode::Kind::kOperator, std::move(name), std::move(parts));
}

class Parser {
 public:
  Parser(std::vector<Token> tokens, bool* uses_old_self)
      : tokens_(std::move(tokens)), uses_old_self_(uses_old_self) {}

  StatusOr<CelNode> Parse() {
    DOHLE_ASSIGN_OR_RETURN(CelNode node, Expression());
    if (Now().kind != Token::Kind::kEnd) return Unexpected();
    return node;
  }

 private:
  const Token& Now() const { return tokens_[at_]; }
  Status Unexpected() const {
    return Malformed(Now().at, Now().kind == Token::Kind::kEnd ? "it ends too early"
                                                               : "'" + Now().text + "' is unexpected");
  }
  bool IsSign(std::string_view sign) const { return Now().kind == Token::Kind::kSign && Now().text == sign; }
  bool Take(std::string_view sign) {
    if (!IsSign(sign)) return false;
    ++at_;
    return true;
  }
  Status Expect(std::string_view sign) {
    if (Take(sign)) return OkStatus();
    return Malformed(Now().at, fmt::format("'{}' is missing", sign));
  }

  StatusOr<CelNode> Expression() {
    // What nests goes through here; chains of operators and selections make the tree deeper too.
    struct Depth {
      explicit Depth(int& d) : depth(++d) {}
      ~Depth() { --depth; }
      int& depth;
    } depth(depth_);
    if (depth_ > kMaxCelDepth) return Malformed(Now().at, "nested too deeply");
    DOHLE_ASSIGN_OR_RETURN(CelNode condition, Level(0));
    if (!Take("?")) return condition;
    DOHLE_ASSIGN_OR_RETURN(CelNode yes, Expression());
    DOHLE_RETURN_IF_ERROR(Expect(":"));
    DOHLE_ASSIGN_OR_RETURN(CelNode no, Expression());
    std::vector<CelNode> parts;
    parts.push_back(std::move(condition));
    parts.push_back(std::move(yes));
    parts.push_back(std::move(no));
    return Node(CelNode::Kind::kTernary, "", std::move(parts));
  }

  // The binary operators, the loosest first.
  StatusOr<CelNode> Level(size_t level) {
    static const std::vector<std::vector<std::string_view>> kLevels = {
        {"||"}, {"&&"}, {"==", "!=", "<", "<=", ">", ">=", "in"}, {"+", "-"}, {"*", "/", "%"}};
    if (level == kLevels.size()) return Unary();
    DOHLE_ASSIGN_OR_RETURN(CelNode left, Level(level + 1));
    for (int chained = 0;; ++chained) {
      const std::string name = Now().text;
      const bool is_operator =
          (Now().kind == Token::Kind::kSign || (Now().kind == Token::Kind::kName && name == "in")) &&
          std::find(kLevels[level].begin(), kLevels[level].end(), name) != kLevels[level].end();
      if (!is_operator) return left;
      if (chained >= kMaxCelDepth) return Malformed(Now().at, "too many operators in one chain");
      ++at_;
      DOHLE_ASSIGN_OR_RETURN(CelNode right, Level(level + 1));
      left = Operator(name, std::move(left), std::move(right));
      if (level == 0) left.kind = CelNode::Kind::kOr;
      if (level == 1) left.kind = CelNode::Kind::kAnd;
    }
  }

  StatusOr<CelNode> Unary() {
    std::vector<std::string> signs;
    while (IsSign("!") || IsSign("-")) {
      signs.push_back(Now().text);
      ++at_;
      if (signs.size() > kMaxCelDepth) return Unexpected();
    }
    DOHLE_ASSIGN_OR_RETURN(CelNode node, Member());
    for (; !signs.empty(); signs.pop_back()) {
      std::vector<CelNode> parts;
      parts.push_back(std::move(node));
      node = Node(CelNode::Kind::kOperator, signs.back(), std::move(parts));
    }
    return node;
  }

  StatusOr<CelNode> Member() {
    DOHLE_ASSIGN_OR_RETURN(CelNode node, Primary());
    for (int chained = 0;; ++chained) {
      if (chained >= kMaxCelDepth) return Malformed(Now().at, "too many selections in one chain");
      if (Take("[")) {
        DOHLE_ASSIGN_OR_RETURN(CelNode index, Expression());
        DOHLE_RETURN_IF_ERROR(Expect("]"));
        node = Operator("[]", std::move(node), std::move(index));
        node.kind = CelNode::Kind::kIndex;
        continue;
      }
      if (!Take(".")) return node;
      if (Now().kind != Token::Kind::kName) return Unexpected();
      std::string name = Now().text;
      ++at_;
      std::vector<CelNode> parts;
      parts.push_back(std::move(node));
      if (!IsSign("(")) {
        node = Node(CelNode::Kind::kSelect, std::move(name), std::move(parts));
        continue;
      }
      DOHLE_ASSIGN_OR_RETURN(node, Call(std::move(name), std::move(parts)));
    }
  }

  // At the parenthesis. `parts` has the receiver of a method.
  StatusOr<CelNode> Call(std::string name, std::vector<CelNode> parts) {
    const size_t begin = Now().at;
    ++at_;
    const size_t receivers = parts.size();
    while (!IsSign(")")) {
      if (parts.size() > receivers) DOHLE_RETURN_IF_ERROR(Expect(","));
      DOHLE_ASSIGN_OR_RETURN(CelNode part, Expression());
      parts.push_back(std::move(part));
    }
    ++at_;
    const size_t arguments = parts.size() - receivers;
    if (name == "has" && receivers == 0) {
      if (arguments != 1 || parts[0].kind != CelNode::Kind::kSelect)
        return Malformed(begin, "has() takes a field, as in has(self.a)");
      CelNode node = std::move(parts[0]);
      node.kind = CelNode::Kind::kHas;
      return node;
    }
    const bool macro = receivers == 1 && std::find(kMacros.begin(), kMacros.end(), name) != kMacros.end();
    if (macro) {
      if (arguments < 2 || arguments > (name == "map" ? 3 : 2) || parts[1].kind != CelNode::Kind::kName)
        return Malformed(begin, name + "() takes a variable and an expression");
      CelNode node = Node(CelNode::Kind::kMacro, name, {});
      node.variable = parts[1].name;
      parts.erase(parts.begin() + 1);
      node.parts = std::move(parts);
      return node;
    }
    CelNode node = Node(CelNode::Kind::kCall, std::move(name), std::move(parts));
    if (node.name == "matches" && node.parts.size() == 2 && node.parts[1].kind == CelNode::Kind::kLiteral &&
        node.parts[1].literal.is_string()) {
      DOHLE_ASSIGN_OR_RETURN(node.expression,
                             RegularExpression::Parse(node.parts[1].literal.get<std::string>()));
    }
    return node;
  }

  StatusOr<CelNode> Primary() {
    const Token token = Now();
    if (token.kind == Token::Kind::kEnd) return Unexpected();
    ++at_;
    if (token.kind == Token::Kind::kString) return Literal(token.text);
    if (token.kind == Token::Kind::kNumber) return Number(token);
    if (token.kind == Token::Kind::kName) {
      if (token.text == "true" || token.text == "false") return Literal(token.text == "true");
      if (token.text == "null") return Literal(nullptr);
      if (IsSign("(")) return Call(token.text, {});
      if (token.text == "oldSelf") *uses_old_self_ = true;
      return Node(CelNode::Kind::kName, token.text, {});
    }
    if (token.text == "(") {
      DOHLE_ASSIGN_OR_RETURN(CelNode node, Expression());
      DOHLE_RETURN_IF_ERROR(Expect(")"));
      return node;
    }
    if (token.text == "[") {
      CelNode node = Node(CelNode::Kind::kList, "", {});
      while (!Take("]")) {
        if (!node.parts.empty()) DOHLE_RETURN_IF_ERROR(Expect(","));
        DOHLE_ASSIGN_OR_RETURN(CelNode part, Expression());
        node.parts.push_back(std::move(part));
      }
      return node;
    }
    --at_;
    return Unexpected();
  }

  static CelNode Literal(nlohmann::json value) {
    CelNode node;
    node.literal = std::move(value);
    return node;
  }

  StatusOr<CelNode> Number(const Token& token) {
    std::string_view text = token.text;
    if (text.ends_with('u') || text.ends_with('U')) text.remove_suffix(1);
    int64_t integer = 0;
    const bool hex = text.starts_with("0x") || text.starts_with("0X");
    const std::string_view digits = hex ? text.substr(2) : text;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), integer, hex ? 16 : 10);
    if (!digits.empty() && parsed.ec == std::errc() && parsed.ptr == digits.data() + digits.size())
      return Literal(integer);
    double real = 0;
    if (!hex && absl::SimpleAtod({text.data(), text.size()}, &real)) return Literal(real);
    return Malformed(token.at, token.text + " is no number");
  }

  const std::vector<Token> tokens_;
  bool* const uses_old_self_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

StatusOr<CelNode> ParseCel(std::string_view text, bool* uses_old_self) {
  *uses_old_self = false;
  if (text.size() > kMaxCelBytes)
    return MakeStatus(StatusCode::kInvalidArgument, "CEL: an expression has at most {} characters",
                      kMaxCelBytes);
  DOHLE_ASSIGN_OR_RETURN(std::vector<Token> tokens, Lexer(text).Tokens());
  return Parser(std::move(tokens), uses_old_self).Parse();
}

}  // namespace dohle::local
