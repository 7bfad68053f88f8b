#include "lib/kafka/records.h"

#include <algorithm>

namespace dohle::kafka {

uint64_t PartSize(const Records::Part& part) {
  if (const auto* view = std::get_if<std::string_view>(&part)) return view->size();
  if (const auto* bytes = std::get_if<std::string>(&part)) return bytes->size();
  return std::get<env::FileSlice>(part).length;
}

void Records::Append(std::string_view borrowed) {
  if (!borrowed.empty()) parts_.emplace_back(borrowed);
}

void Records::Append(std::string&& owned) {
  if (!owned.empty()) parts_.emplace_back(std::move(owned));
}

void Records::Append(env::FileSlice slice) {
  if (slice.length != 0) parts_.emplace_back(std::move(slice));
}

uint64_t Records::size() const {
  uint64_t size = 0;
  for (const Part& part : parts_) size += PartSize(part);
  return size;
}

bool operator==(const Records& a, const Records& b) {
  const auto same = [](const Records::Part& x, const Records::Part& y) {
    if (x.index() != y.index()) return false;
    if (const auto* slice = std::get_if<env::FileSlice>(&x)) {
      const auto& other = std::get<env::FileSlice>(y);
      return slice->file == other.file && slice->position == other.position && slice->length == other.length;
    }
    if (const auto* view = std::get_if<std::string_view>(&x)) return *view == std::get<std::string_view>(y);
    return std::get<std::string>(x) == std::get<std::string>(y);
  };
  return std::equal(a.parts_.begin(), a.parts_.end(), b.parts_.begin(), b.parts_.end(), same);
}

std::string_view Records::contiguous() const {
  if (parts_.size() != 1) return {};
  if (const auto* view = std::get_if<std::string_view>(&parts_[0])) return *view;
  if (const auto* bytes = std::get_if<std::string>(&parts_[0])) return *bytes;
  return {};
}

}  // namespace dohle::kafka
