// For the generated sources only.
#pragma once

#include "lib/base/check.h"
#include "lib/kafka/printer.h"
#include "lib/kafka/reader.h"
#include "lib/kafka/writer.h"

namespace dohle::kafka {

absl::Status UnsupportedVersion(std::string_view message, int16_t version);

}  // namespace dohle::kafka
