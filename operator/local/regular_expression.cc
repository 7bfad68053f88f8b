#include "operator/local/regular_expression.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

namespace dohle::local {

namespace {

constexpr size_t kMaxPatternBytes = 4096;
constexpr size_t kMaxSteps = 20'000;
constexpr int kMaxDepth = 50;
constexpr int kMaxRepeats = 1000;  // RE2's bound, too
constexpr int kNoMaximum = -1;

struct Piece {
  enum class Kind { kBytes, kSequence, kAlternatives, kRepeat, kBegin, kEnd };
  Kind kind = Kind::kSequence;
  std::bitset<256> bytes;
  std::vector<Piece> parts;
  int minimum = 0;
  int maximum = kNoMaximum;
};

Status Malformed(std::string_view pattern, std::string_view why) {
  return MakeStatus(StatusCode::kInvalidArgument, "not a regular expression: {}: {}", pattern, why);
}

void SetRange(std::bitset<256>& bytes, uint8_t from, uint8_t to) {
  for (int i = from; i <= to; ++i) bytes.set(static_cast<size_t>(i));
}

// What \d, \w, \s and their capitals mean; nothing for other letters.
std::optional<std::bitset<256>> PerlClass(char letter) {
  std::bitset<256> bytes;
  switch (letter | 0x20) {
    case 'd':
      SetRange(bytes, '0', '9');
      break;
    case 'w':
      SetRange(bytes, '0', '9');
      SetRange(bytes, 'a', 'z');
      SetRange(bytes, 'A', 'Z');
      bytes.set('_');
      break;
    case 's':
      for (const char c : {' ', '\t', '\n', '\r', '\f'}) bytes.set(static_cast<uint8_t>(c));
      break;
    default:
      return std::nullopt;
  }
  return (letter & 0x20) == 0 ? ~bytes : bytes;
}

class Parser {
 public:
  explicit Parser(std::string_view pattern) : pattern_(pattern), rest_(pattern) {}

  StatusOr<Piece> Parse() {
    DOHLE_ASSIGN_OR_RETURN(Piece piece, Alternatives(0));
    if (!rest_.empty()) return Malformed(pattern_, "a ')' too many");
    return piece;
  }

 private:
  bool Take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  StatusOr<Piece> Alternatives(int depth) {
    if (depth > kMaxDepth) return Malformed(pattern_, "nested too deeply");
    Piece alternatives;
    alternatives.kind = Piece::Kind::kAlternatives;
    do {
      DOHLE_ASSIGN_OR_RETURN(Piece sequence, Sequence(depth));
      alternatives.parts.push_back(std::move(sequence));
    } while (Take('|'));
    return alternatives;
  }

  StatusOr<Piece> Sequence(int depth) {
    Piece sequence;
    while (!rest_.empty() && rest_.front() != '|' && rest_.front() != ')') {
      DOHLE_ASSIGN_OR_RETURN(Piece piece, Atom(depth));
      DOHLE_ASSIGN_OR_RETURN(piece, Repeated(std::move(piece)));
      sequence.parts.push_back(std::move(piece));
    }
    return sequence;
  }

  StatusOr<Piece> Atom(int depth) {
    Piece piece;
    const char c = rest_.front();
    rest_.remove_prefix(1);
    switch (c) {
      case '(': {
        if (rest_.starts_with('?') && !rest_.starts_with("?:"))
          return Malformed(pattern_, "flags and names of groups aren't known");
        if (rest_.starts_with("?:")) rest_.remove_prefix(2);
        DOHLE_ASSIGN_OR_RETURN(piece, Alternatives(depth + 1));
        if (!Take(')')) return Malformed(pattern_, "a ')' is missing");
        return piece;
      }
      case '^':
        piece.kind = Piece::Kind::kBegin;
        return piece;
      case '$':
        piece.kind = Piece::Kind::kEnd;
        return piece;
      case '*':
      case '+':
      case '?':
        return Malformed(pattern_, "nothing to repeat");
      default:
        break;
    }
    piece.kind = Piece::Kind::kBytes;
    if (c == '[') {
      DOHLE_ASSIGN_OR_RETURN(piece.bytes, Class());
    } else if (c == '.') {
      piece.bytes.set();
      piece.bytes.reset('\n');
    } else if (c == '\\') {
      DOHLE_ASSIGN_OR_RETURN(piece.bytes, Escape());
    } else {
      piece.bytes.set(static_cast<uint8_t>(c));
    }
    return piece;
  }

  StatusOr<std::bitset<256>> Escape() {
    if (rest_.empty()) return Malformed(pattern_, "it ends with '\\'");
    const char c = rest_.front();
    rest_.remove_prefix(1);
    if (const auto perl = PerlClass(c)) return *perl;
    std::bitset<256> bytes;
    switch (c) {
      case 'n':
        bytes.set('\n');
        return bytes;
      case 't':
        bytes.set('\t');
        return bytes;
      case 'r':
        bytes.set('\r');
        return bytes;
      default:
        break;
    }
    const bool letter = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter) return Malformed(pattern_, std::string("\\") + c + " isn't known");
    bytes.set(static_cast<uint8_t>(c));
    return bytes;
  }

  // One byte of a class that may begin or end a range, or a class of its own.
  StatusOr<std::bitset<256>> ClassItem(std::optional<uint8_t>* single) {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    std::bitset<256> bytes;
    if (c == '\\') {
      DOHLE_ASSIGN_OR_RETURN(bytes, Escape());
    } else {
      bytes.set(static_cast<uint8_t>(c));
    }
    single->reset();
    if (bytes.count() == 1) {
      for (size_t i = 0; i < bytes.size(); ++i) {
        if (bytes.test(i)) *single = static_cast<uint8_t>(i);
      }
    }
    return bytes;
  }

  StatusOr<std::bitset<256>> Class() {
    std::bitset<256> bytes;
    const bool negated = Take('^');
    for (bool first = true; !rest_.starts_with(']') || first; first = false) {
      if (rest_.empty()) return Malformed(pattern_, "a ']' is missing");
      if (rest_.starts_with("[:")) return Malformed(pattern_, "[:names:] aren't known");
      std::optional<uint8_t> from;
      DOHLE_ASSIGN_OR_RETURN(const std::bitset<256> item, ClassItem(&from));
      bytes |= item;
      if (rest_.size() < 2 || rest_[0] != '-' || rest_[1] == ']') continue;
      rest_.remove_prefix(1);
      std::optional<uint8_t> to;
      DOHLE_ASSIGN_OR_RETURN(const std::bitset<256> end, ClassItem(&to));
      if (!from || !to || *from > *to) return Malformed(pattern_, "a range that is none");
      bytes |= end;
      SetRange(bytes, *from, *to);
    }
    rest_.remove_prefix(1);
    return negated ? ~bytes : bytes;
  }

  std::optional<int> Number() {
    int number = 0;
    size_t digits = 0;
    while (digits < rest_.size() && digits < 5 && rest_[digits] >= '0' && rest_[digits] <= '9')
      number = number * 10 + (rest_[digits++] - '0');
    if (digits == 0) return std::nullopt;
    rest_.remove_prefix(digits);
    return number;
  }

  StatusOr<Piece> Repeated(Piece piece) {
    int repeats = 0;
    while (!rest_.empty()) {
      Piece repeat;
      repeat.kind = Piece::Kind::kRepeat;
      const std::string_view before = rest_;
      if (Take('*')) {
      } else if (Take('+')) {
        repeat.minimum = 1;
      } else if (Take('?')) {
        repeat.maximum = 1;
      } else if (Take('{')) {
        const std::optional<int> minimum = Number();
        if (!minimum) {
          rest_ = before;  // a brace that repeats nothing stands for itself
          return piece;
        }
        repeat.minimum = *minimum;
        repeat.maximum = *minimum;
        if (Take(',')) repeat.maximum = Number().value_or(kNoMaximum);
        const bool in_order = repeat.maximum == kNoMaximum || repeat.minimum <= repeat.maximum;
        if (!Take('}') || !in_order || std::max(repeat.minimum, repeat.maximum) > kMaxRepeats)
          return Malformed(pattern_, "a repetition that is none");
      } else {
        return piece;
      }
      Take('?');  // lazy or not, the same texts match
      if (++repeats > 2) return Malformed(pattern_, "a repetition of a repetition");
      repeat.parts.push_back(std::move(piece));
      piece = std::move(repeat);
    }
    return piece;
  }

  const std::string_view pattern_;
  std::string_view rest_;
};

}  // namespace

class RegularExpressionCompiler {
 public:
  explicit RegularExpressionCompiler(RegularExpression& expression) : steps_(expression.steps_) {}

  // False: too large.
  bool Compile(const Piece& piece) {
    Emit(piece);
    Add(Step::Kind::kMatch);
    return steps_.size() < kMaxSteps;
  }

 private:
  using Step = RegularExpression::Step;

  uint32_t Add(Step::Kind kind) {
    Step step;
    step.kind = kind;
    step.next = static_cast<uint32_t>(steps_.size() + 1);
    steps_.push_back(step);
    return static_cast<uint32_t>(steps_.size() - 1);
  }
  uint32_t Here() const { return static_cast<uint32_t>(steps_.size()); }

  void Emit(const Piece& piece) {
    if (steps_.size() >= kMaxSteps) return;
    switch (piece.kind) {
      case Piece::Kind::kBytes:
        steps_[Add(Step::Kind::kByte)].bytes = piece.bytes;
        return;
      case Piece::Kind::kBegin:
        Add(Step::Kind::kBegin);
        return;
      case Piece::Kind::kEnd:
        Add(Step::Kind::kEnd);
        return;
      case Piece::Kind::kSequence:
        for (const Piece& part : piece.parts) Emit(part);
        return;
      case Piece::Kind::kAlternatives:
        return EmitAlternatives(piece);
      case Piece::Kind::kRepeat:
        return EmitRepeat(piece);
    }
  }

  void EmitAlternatives(const Piece& piece) {
    std::vector<uint32_t> ends;
    for (size_t i = 0; i + 1 < piece.parts.size(); ++i) {
      const uint32_t split = Add(Step::Kind::kSplit);
      Emit(piece.parts[i]);
      ends.push_back(Add(Step::Kind::kSplit));  // a jump, once both ways lead to the end
      steps_[split].other = Here();
    }
    Emit(piece.parts.back());
    for (const uint32_t end : ends) steps_[end].next = steps_[end].other = Here();
  }

  void EmitRepeat(const Piece& piece) {
    const Piece& part = piece.parts.front();
    for (int i = 0; i < piece.minimum; ++i) Emit(part);
    if (piece.maximum == kNoMaximum) {
      const uint32_t loop = Add(Step::Kind::kSplit);
      Emit(part);
      const uint32_t back = Add(Step::Kind::kSplit);
      steps_[back].next = steps_[back].other = loop;
      steps_[loop].other = Here();
      return;
    }
    std::vector<uint32_t> exits;
    for (int i = piece.minimum; i < piece.maximum && steps_.size() < kMaxSteps; ++i) {
      exits.push_back(Add(Step::Kind::kSplit));
      Emit(part);
    }
    for (const uint32_t exit : exits) steps_[exit].other = Here();
  }

  std::vector<Step>& steps_;
};

StatusOr<RegularExpression> RegularExpression::Parse(std::string_view pattern) {
  if (pattern.size() > kMaxPatternBytes) return Malformed(pattern.substr(0, 100), "it is too long");
  DOHLE_ASSIGN_OR_RETURN(const Piece piece, Parser(pattern).Parse());
  RegularExpression expression;
  if (!RegularExpressionCompiler(expression).Compile(piece)) return Malformed(pattern, "it is too large");
  return expression;
}

bool RegularExpression::MatchesPartOf(std::string_view text) const {
  std::vector<uint32_t> now;
  std::vector<uint32_t> next;
  std::vector<uint32_t> stack;
  std::vector<size_t> seen(steps_.size(), SIZE_MAX);
  // Follows what takes no byte; true if that is a match.
  const auto enter = [&](uint32_t from, size_t position, std::vector<uint32_t>& states) {
    stack.assign(1, from);
    while (!stack.empty()) {
      const uint32_t at = stack.back();
      stack.pop_back();
      if (seen[at] == position) continue;
      seen[at] = position;
      const Step& step = steps_[at];
      switch (step.kind) {
        case Step::Kind::kMatch:
          return true;
        case Step::Kind::kByte:
          states.push_back(at);
          break;
        case Step::Kind::kSplit:
          stack.push_back(step.next);
          stack.push_back(step.other);
          break;
        case Step::Kind::kBegin:
          if (position == 0) stack.push_back(step.next);
          break;
        case Step::Kind::kEnd:
          if (position == text.size()) stack.push_back(step.next);
          break;
      }
    }
    return false;
  };
  for (size_t position = 0;; ++position) {
    if (enter(0, position, now)) return true;
    if (position == text.size()) return false;
    next.clear();
    for (const uint32_t at : now) {
      if (steps_[at].bytes.test(static_cast<uint8_t>(text[position])) &&
          enter(steps_[at].next, position + 1, next))
        return true;
    }
    now.swap(next);
  }
}

}  // namespace dohle::local
