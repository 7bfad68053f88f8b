// Records: the value of a `records` field, that is stored batches, as a sequence of parts. A part is a
// borrowed view, owned bytes, or a slice of a file that goes out by sendfile and is never read into memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "lib/env/file_system.h"

namespace dohle::kafka {

class Records {
 public:
  using Part = std::variant<std::string_view, std::string, env::FileSlice>;

  Records() = default;
  explicit Records(std::string_view borrowed) { Append(borrowed); }
  explicit Records(std::string&& owned) { Append(std::move(owned)); }
  explicit Records(env::FileSlice slice) { Append(std::move(slice)); }

  // Empty parts are left out.
  void Append(std::string_view borrowed);
  void Append(std::string&& owned);
  void Append(env::FileSlice slice);

  const std::vector<Part>& parts() const { return parts_; }
  uint64_t size() const;
  bool empty() const { return parts_.empty(); }

  // The bytes if they are in memory and in one piece, as they are in every decoded message; otherwise nothing
  // (an empty view for what isn't empty).
  std::string_view contiguous() const;

  // Part by part: equal bytes cut differently are not equal, slices of files are equal if they are the same
  // slice.
  friend bool operator==(const Records& a, const Records& b);

 private:
  std::vector<Part> parts_;
};

uint64_t PartSize(const Records::Part& part);

}  // namespace dohle::kafka
