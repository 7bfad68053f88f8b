// Tables as text for terminals.
#pragma once

#include <string>
#include <vector>

namespace dohle {

using TextRow = std::vector<std::string>;

// A line a row. Columns are as wide as their widest cell, in bytes, and two blanks apart; nothing fills up
// behind a row's last cell. Rows may have different numbers of cells.
std::string AlignedText(const std::vector<TextRow>& rows);

}  // namespace dohle
