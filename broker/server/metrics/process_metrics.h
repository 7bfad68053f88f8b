// process_* and linux_disk_* out of /proc/self (proc(5)). Blocks for microseconds: blocking-pool threads.
#pragma once

#include "lib/base/metrics.h"
#include "lib/env/file_system.h"

namespace dohle::server {

// What cannot be read is left out: another kernel, or no /proc.
void WriteProcessMetrics(env::FileSystem& file_system, metrics::Exposition& out);

}  // namespace dohle::server
