#include "operator/local/cel.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/numbers.h"
#include "operator/local/cel_node.h"

namespace dohle::local {
namespace {

using k8s::Json;
constexpr size_t kMaxValueBytes = size_t{1} << 20;  // of a string or list that an expression makes

// A part of self, which is not copied, or something new.
struct Value {
  const Json* borrowed = nullptr;
  Json owned;
  const Json& json() const { return borrowed != nullptr ? *borrowed : owned; }
};
Value Own(Json json) { return {nullptr, std::move(json)}; }
Value Borrow(const Json& json) { return {&json, {}}; }

Status Fault(std::string message) {
  return MakeStatus(StatusCode::kInvalidArgument, "evaluation error: {}", message);
}
Status NoOverload(std::string_view name) { return Fault(fmt::format("no such overload: {}", name)); }

bool IsInteger(const Json& json) { return json.is_number_integer(); }

// About what a copy of it costs.
size_t Weight(const Json& json) {
  size_t weight = 1;
  if (json.is_string()) weight += json.get_ref<const std::string&>().size() / 16;
  if (json.is_structured()) {
    for (const Json& part : json) weight += Weight(part);
  }
  return weight;
}

size_t CountCharacters(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(),
                                           [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; }));
}

std::string MapAscii(std::string text, char from, char to, int add) {
  for (char& c : text) {
    if (c >= from && c <= to) c = static_cast<char>(c + add);
  }
  return text;
}

class Evaluation {
 public:
  Evaluation(const Json& self, const Json* old_self) {
    variables_.emplace_back("self", Borrow(self));
    if (old_self != nullptr) variables_.emplace_back("oldSelf", Borrow(*old_self));
  }

  StatusOr<Value> Run(const CelNode& node) {
    DOHLE_RETURN_IF_ERROR(Pay(1));
    switch (node.kind) {
      case CelNode::Kind::kLiteral:
        return Borrow(node.literal);
      case CelNode::Kind::kName:
        return Name(node.name);
      case CelNode::Kind::kSelect:
      case CelNode::Kind::kHas:
        return Select(node);
      case CelNode::Kind::kIndex:
        return Index(node);
      case CelNode::Kind::kList:
        return List(node);
      case CelNode::Kind::kAnd:
        return Logical(node, false);
      case CelNode::Kind::kOr:
        return Logical(node, true);
      case CelNode::Kind::kTernary: {
        DOHLE_ASSIGN_OR_RETURN(const Value condition, Run(node.parts[0]));
        if (!condition.json().is_boolean()) return NoOverload("?:");
        return Run(node.parts[condition.json().get<bool>() ? 1 : 2]);
      }
      case CelNode::Kind::kOperator:
        return Operator(node);
      case CelNode::Kind::kCall:
        return Call(node);
      case CelNode::Kind::kMacro:
        return Macro(node);
    }
    return Fault("unknown expression");
  }

 private:
  Status Pay(size_t cost) {
    cost_ += cost;
    if (cost_ <= kMaxCelCost) return OkStatus();
    return MakeStatus(StatusCode::kResourceExhausted, "the rule takes too many steps");
  }

  StatusOr<Value> Name(const std::string& name) {
    for (auto variable = variables_.rbegin(); variable != variables_.rend(); ++variable) {
      if (variable->first == name) return Borrow(variable->second.json());
    }
    return Fault("undeclared reference to '" + name + "'");
  }

  StatusOr<Value> Select(const CelNode& node) {
    DOHLE_ASSIGN_OR_RETURN(Value object, Run(node.parts[0]));
    if (!object.json().is_object()) return NoOverload("." + node.name);
    const auto found = object.json().find(node.name);
    if (node.kind == CelNode::Kind::kHas) return Own(found != object.json().end());
    if (found == object.json().end()) return Fault("no such key: " + node.name);
    return object.borrowed != nullptr ? Borrow(*found) : Own(*found);
  }

  StatusOr<Value> Index(const CelNode& node) {
    DOHLE_ASSIGN_OR_RETURN(Value container, Run(node.parts[0]));
    DOHLE_ASSIGN_OR_RETURN(const Value index, Run(node.parts[1]));
    const Json* found = nullptr;
    if (container.json().is_object() && index.json().is_string()) {
      const auto entry = container.json().find(index.json().get_ref<const std::string&>());
      if (entry == container.json().end()) return Fault("no such key: " + index.json().get<std::string>());
      found = &*entry;
    } else if (container.json().is_array() && IsInteger(index.json())) {
      const auto at = index.json().get<int64_t>();
      if (at < 0 || static_cast<size_t>(at) >= container.json().size()) return Fault("index out of bounds");
      found = &container.json()[static_cast<size_t>(at)];
    } else {
      return NoOverload("[]");
    }
    return container.borrowed != nullptr ? Borrow(*found) : Own(*found);
  }

  StatusOr<Value> List(const CelNode& node) {
    Json list = Json::array();
    for (const CelNode& part : node.parts) {
      DOHLE_ASSIGN_OR_RETURN(const Value value, Run(part));
      DOHLE_RETURN_IF_ERROR(Pay(Weight(value.json())));
      list.push_back(value.json());
    }
    return Own(std::move(list));
  }

  // `decided`: the value of one side that makes the other irrelevant.
  StatusOr<Value> Logical(const CelNode& node, bool decided) {
    Status failed;
    for (const CelNode& part : node.parts) {
      const StatusOr<Value> value = Run(part);
      if (!value.ok()) {
        if (value.status().code() == StatusCode::kResourceExhausted) return value;
        failed = value.status();
      } else if (!value->json().is_boolean()) {
        failed = NoOverload(decided ? "||" : "&&");
      } else if (value->json().get<bool>() == decided) {
        return Own(decided);
      }
    }
    if (!failed.ok()) return failed;
    return Own(!decided);
  }

  StatusOr<Value> Operator(const CelNode& node) {
    DOHLE_ASSIGN_OR_RETURN(const Value left, Run(node.parts[0]));
    const std::string& name = node.name;
    if (node.parts.size() == 1) {
      if (name == "!" && left.json().is_boolean()) return Own(!left.json().get<bool>());
      if (name == "-" && left.json().is_number_float()) return Own(-left.json().get<double>());
      if (name == "-" && IsInteger(left.json())) return Integers("-", 0, left.json().get<int64_t>());
      return NoOverload(name);
    }
    DOHLE_ASSIGN_OR_RETURN(const Value right, Run(node.parts[1]));
    const Json& a = left.json();
    const Json& b = right.json();
    if (name == "==" || name == "!=" || name == "in") DOHLE_RETURN_IF_ERROR(Pay(Weight(b)));
    if (name == "==") return Own(a == b);
    if (name == "!=") return Own(a != b);
    if (name == "in") return In(a, b);
    const bool ordered = (a.is_number() && b.is_number()) || (a.is_string() && b.is_string()) ||
                         (a.is_boolean() && b.is_boolean());
    if (name[0] == '<' || name[0] == '>') {
      if (!ordered) return NoOverload(name);
      if (name == "<") return Own(a < b);
      if (name == "<=") return Own(a <= b);
      return Own(name == ">" ? b < a : b <= a);
    }
    return Arithmetic(name, a, b);
  }

  StatusOr<Value> In(const Json& a, const Json& b) {
    if (b.is_array()) return Own(std::find(b.begin(), b.end(), a) != b.end());
    if (b.is_object()) return Own(a.is_string() && b.contains(a.get_ref<const std::string&>()));
    return NoOverload("in");
  }

  StatusOr<Value> Arithmetic(const std::string& name, const Json& a, const Json& b) {
    if (IsInteger(a) && IsInteger(b)) return Integers(name, a.get<int64_t>(), b.get<int64_t>());
    if (a.is_number() && b.is_number() && name != "%") {
      const auto x = a.get<double>();
      const auto y = b.get<double>();
      if (name == "+") return Own(x + y);
      if (name == "-") return Own(x - y);
      return Own(name == "*" ? x * y : x / y);
    }
    if (name == "+" && a.is_string() && b.is_string()) {
      const auto& x = a.get_ref<const std::string&>();
      const auto& y = b.get_ref<const std::string&>();
      if (x.size() + y.size() > kMaxValueBytes) return Fault("the string is too long");
      DOHLE_RETURN_IF_ERROR(Pay(x.size() + y.size()));
      return Own(x + y);
    }
    if (name == "+" && a.is_array() && b.is_array()) {
      if (a.size() + b.size() > kMaxValueBytes) return Fault("the list is too long");
      DOHLE_RETURN_IF_ERROR(Pay(Weight(a) + Weight(b)));
      Json sum = a;
      sum.insert(sum.end(), b.begin(), b.end());
      return Own(std::move(sum));
    }
    return NoOverload(name);
  }

  static StatusOr<Value> Integers(const std::string& name, int64_t a, int64_t b) {
    int64_t result = 0;
    bool overflow = false;
    if (name == "+") overflow = __builtin_add_overflow(a, b, &result);
    if (name == "-") overflow = __builtin_sub_overflow(a, b, &result);
    if (name == "*") overflow = __builtin_mul_overflow(a, b, &result);
    if (name == "/" || name == "%") {
      if (b == 0) return Fault("division by zero");
      overflow = a == INT64_MIN && b == -1;
      if (!overflow) result = name == "/" ? a / b : a % b;
    }
    if (overflow) return Fault("integer overflow");
    return Own(result);
  }

  StatusOr<Value> Call(const CelNode& node) {
    std::vector<Value> values;
    for (const CelNode& part : node.parts) {
      DOHLE_ASSIGN_OR_RETURN(Value value, Run(part));
      if (value.json().is_string())
        DOHLE_RETURN_IF_ERROR(Pay(value.json().get_ref<const std::string&>().size() / 16));
      values.push_back(std::move(value));
    }
    if (values.size() == 1) return CallOfOne(node.name, values[0].json());
    if (values.size() != 2 || !values[0].json().is_string() || !values[1].json().is_string())
      return NoOverload(node.name);
    const auto& text = values[0].json().get_ref<const std::string&>();
    const auto& other = values[1].json().get_ref<const std::string&>();
    if (node.name == "startsWith") return Own(text.starts_with(other));
    if (node.name == "endsWith") return Own(text.ends_with(other));
    if (node.name == "contains") return Own(text.find(other) != std::string::npos);
    if (node.name != "matches") return NoOverload(node.name);
    DOHLE_RETURN_IF_ERROR(Pay(text.size() * (other.size() / 16 + 1)));
    if (node.expression) return Own(node.expression->MatchesPartOf(text));
    DOHLE_ASSIGN_OR_RETURN(const RegularExpression expression, RegularExpression::Parse(other));
    return Own(expression.MatchesPartOf(text));
  }

  static StatusOr<Value> CallOfOne(const std::string& name, const Json& value) {
    if (name == "size") {
      if (value.is_string()) return Own(CountCharacters(value.get_ref<const std::string&>()));
      if (value.is_array() || value.is_object()) return Own(value.size());
    } else if (name == "string") {
      if (value.is_string()) return Own(value);
      if (value.is_number() || value.is_boolean()) return Own(value.dump());
    } else if (name == "int") {
      int64_t number = 0;
      if (IsInteger(value)) return Own(value);
      if (value.is_number_float() && std::abs(value.get<double>()) < 9.2e18)
        return Own(static_cast<int64_t>(value.get<double>()));
      if (value.is_string() && absl::SimpleAtoi(value.get_ref<const std::string&>(), &number))
        return Own(number);
      if (value.is_string()) return Fault("cannot convert to int");
    } else if (name == "double") {
      double number = 0;
      if (value.is_number()) return Own(value.get<double>());
      if (value.is_string() && absl::SimpleAtod(value.get_ref<const std::string&>(), &number))
        return Own(number);
      if (value.is_string()) return Fault("cannot convert to double");
    } else if (value.is_string()) {
      const auto& text = value.get_ref<const std::string&>();
      if (name == "lowerAscii") return Own(MapAscii(text, 'A', 'Z', 32));
      if (name == "upperAscii") return Own(MapAscii(text, 'a', 'z', -32));
      if (name == "trim") {
        const size_t from = text.find_first_not_of(" \t\n\r");
        if (from == std::string::npos) return Own("");
        return Own(text.substr(from, text.find_last_not_of(" \t\n\r") - from + 1));
      }
    }
    return NoOverload(name);
  }

  // The elements of a list, or the keys of a map.
  static StatusOr<std::vector<Value>> Elements(const Value& range) {
    std::vector<Value> elements;
    if (range.json().is_array()) {
      for (const Json& item : range.json()) elements.push_back(Borrow(item));
    } else if (range.json().is_object()) {
      for (const auto& [key, value] : range.json().items()) elements.push_back(Own(key));
    } else {
      return NoOverload("the range of a macro");
    }
    return elements;
  }

  StatusOr<Value> Macro(const CelNode& node) {
    DOHLE_ASSIGN_OR_RETURN(const Value range, Run(node.parts[0]));
    DOHLE_ASSIGN_OR_RETURN(const std::vector<Value> elements, Elements(range));
    const bool quantifier = node.name == "all" || node.name == "exists";
    const bool decided = node.name == "exists";
    Json result = Json::array();
    int64_t matched = 0;
    Status failed;
    for (const Value& element : elements) {
      variables_.emplace_back(node.variable, Borrow(element.json()));
      const StatusOr<Value> value = Run(node.parts[1]);
      StatusOr<Value> mapped = value;
      const bool maps = node.name == "map";
      const bool chosen = value.ok() && value->json().is_boolean() && value->json().get<bool>();
      if (maps && node.parts.size() == 3 && chosen) mapped = Run(node.parts[2]);
      variables_.pop_back();
      Status status = mapped.status();
      if (status.ok() && (!maps || node.parts.size() == 3) && !value->json().is_boolean())
        status = NoOverload(node.name);
      if (!status.ok()) {
        if (!quantifier || status.code() == StatusCode::kResourceExhausted) return status;
        failed = status;
        continue;
      }
      if (quantifier && chosen == decided) return Own(decided);
      matched += chosen ? 1 : 0;
      const Json* added = nullptr;
      if (maps && (node.parts.size() == 2 || chosen)) added = &mapped->json();
      if (node.name == "filter" && chosen) added = &element.json();
      if (added == nullptr) continue;
      DOHLE_RETURN_IF_ERROR(Pay(Weight(*added)));
      result.push_back(*added);
    }
    if (!failed.ok()) return failed;
    if (quantifier) return Own(!decided);
    if (node.name == "exists_one") return Own(matched == 1);
    return Own(std::move(result));
  }

  std::vector<std::pair<std::string, Value>> variables_;
  size_t cost_ = 0;
};

}  // namespace

StatusOr<CelProgram> CelProgram::Parse(std::string_view text) {
  CelProgram program;
  DOHLE_ASSIGN_OR_RETURN(CelNode root, ParseCel(text, &program.uses_old_self_));
  program.root_ = std::make_shared<const CelNode>(std::move(root));
  return program;
}

StatusOr<Json> CelProgram::EvaluateToJson(const Json& self, const Json* old_self) const {
  DOHLE_ASSIGN_OR_RETURN(const Value value, Evaluation(self, old_self).Run(*root_));
  return value.json();
}

StatusOr<bool> CelProgram::Evaluate(const Json& self, const Json* old_self) const {
  DOHLE_ASSIGN_OR_RETURN(const Value value, Evaluation(self, old_self).Run(*root_));
  if (!value.json().is_boolean())
    return MakeStatus(StatusCode::kInvalidArgument, "evaluation error: the rule comes to no boolean");
  return value.json().get<bool>();
}

}  // namespace dohle::local
