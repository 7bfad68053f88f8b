// Brings a slice of a file into the page cache before it is sent, so that sendfile doesn't stall an event
// loop on a cold disk (architecture, decision 5).
#pragma once

#include "lib/env/blocking_pool.h"
#include "lib/env/file_system.h"
#include "lib/env/task.h"

namespace dohle::replica {

// Whether the slice seems to be in the page cache: its first and its last byte are looked at, without
// waiting. A wrong yes costs a short wait in sendfile, nothing else.
bool SeemsCached(const env::FileSlice& slice);

// Reads the slice on an I/O thread. What can't be read is left to the sender to find out.
env::Task<void> WarmUp(env::BlockingPool& pool, env::FileSlice slice);

}  // namespace dohle::replica
