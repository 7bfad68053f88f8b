#include "lib/base/metrics_cells.h"

#include <map>
#include <mutex>
#include <new>
#include <vector>

#include "lib/base/check.h"

namespace dohle::metrics::internal {
namespace {

// Never destroyed: threads that outlive main may still count.
struct Cells {
  std::mutex mutex;
  std::vector<ThreadCells*> all;   // of living threads and of ended ones, whose counts stay
  std::vector<ThreadCells*> idle;  // of ended threads: the next thread counts on in them
  uint32_t next = 1;
  std::map<uint32_t, std::vector<uint32_t>> free;  // by count
};

Cells& cells() {
  static Cells* const instance = new Cells;
  return *instance;
}

// Gives the thread's block back when the thread ends.
struct ThreadGuard {
  bool attached = false;
  ~ThreadGuard() {
    if (t_cells == nullptr) return;
    const std::lock_guard<std::mutex> lock(cells().mutex);
    cells().idle.push_back(t_cells);
    t_cells = nullptr;
  }
};
thread_local ThreadGuard t_guard;

}  // namespace

constinit thread_local ThreadCells* t_cells = nullptr;

ThreadCells* AttachThread() {
  t_guard.attached = true;  // so that it is constructed, and destroyed with the thread
  Cells& shared = cells();
  const std::lock_guard<std::mutex> lock(shared.mutex);
  if (shared.idle.empty()) {
    shared.all.push_back(new ThreadCells);
    t_cells = shared.all.back();
  } else {
    t_cells = shared.idle.back();
    shared.idle.pop_back();
  }
  return t_cells;
}

Cell* AddChunk(ThreadCells& thread, uint32_t chunk) {
  constexpr std::align_val_t kCacheLine{64};
  void* memory = ::operator new(kCellsPerChunk * sizeof(Cell), kCacheLine);
  Cell* made = new (memory) Cell[kCellsPerChunk]();
  // A scrape that sees the chunk must see its zeros.
  thread.chunks[chunk].store(made, std::memory_order_release);
  return made;
}

std::optional<uint32_t> TakeCells(uint32_t count) {
  Cells& shared = cells();
  const std::lock_guard<std::mutex> lock(shared.mutex);
  if (auto found = shared.free.find(count); found != shared.free.end() && !found->second.empty()) {
    const uint32_t first = found->second.back();
    found->second.pop_back();
    return first;
  }
  // Cells of one series lie in one chunk.
  uint32_t first = shared.next;
  const uint32_t room = kCellsPerChunk - first % kCellsPerChunk;
  if (room < count) {
    for (uint32_t i = 0; i < room; ++i) shared.free[1].push_back(first + i);
    first += room;
  }
  if (first + count > kMaxChunks * kCellsPerChunk) return std::nullopt;
  shared.next = first + count;
  return first;
}

void ReturnCells(uint32_t first, uint32_t count) {
  Cells& shared = cells();
  const std::lock_guard<std::mutex> lock(shared.mutex);
  for (ThreadCells* thread : shared.all) {
    Cell* chunk = thread->chunks[first / kCellsPerChunk].load(std::memory_order_acquire);
    if (chunk == nullptr) continue;
    // Nobody counts there any more: the last handle is gone, and the next is handed over with
    // synchronisation.
    for (uint32_t i = 0; i < count; ++i)
      chunk[first % kCellsPerChunk + i].store(0, std::memory_order_relaxed);
  }
  shared.free[count].push_back(first);
}

void SumCells(uint32_t first, uint32_t count, uint64_t* out) {
  for (uint32_t i = 0; i < count; ++i) out[i] = 0;
  Cells& shared = cells();
  const std::lock_guard<std::mutex> lock(shared.mutex);
  for (const ThreadCells* thread : shared.all) {
    const Cell* chunk = thread->chunks[first / kCellsPerChunk].load(std::memory_order_acquire);
    if (chunk == nullptr) continue;
    for (uint32_t i = 0; i < count; ++i) {
      out[i] += chunk[first % kCellsPerChunk + i].load(std::memory_order_relaxed);
    }
  }
}

uint64_t SumCell(uint32_t id) {
  uint64_t sum = 0;
  SumCells(id, 1, &sum);
  return sum;
}

}  // namespace dohle::metrics::internal
