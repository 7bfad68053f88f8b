#include "lib/env/task.h"

#include <array>
#include <cstdlib>
#include <new>

#include "lib/env/executor.h"

namespace dohle::env {
namespace {

// The root of a chain: owns the context, destroys itself when the task has returned.
struct Root {
  struct promise_type : PromiseBase {
    Root get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() {}
    TaskContext own_context;
    Chain chain;
  };
  std::coroutine_handle<promise_type> handle;
};

// A root on its way to another thread. Dropped with the work that it is part of, it takes the frames along.
class Start {
 public:
  explicit Start(Root root) : root_(root) {}
  Start(Start&& other) noexcept : root_(std::exchange(other.root_, {})) {}
  ~Start() {
    if (root_.handle) root_.handle.destroy();
  }
  void operator()() {
    const auto handle = std::exchange(root_, {}).handle;
    handle.promise().own_context.executor->Adopt(handle.promise().chain, handle);
    handle.resume();
  }

 private:
  Root root_;
};

Root RunToEnd(Task<void> task) { co_await std::move(task); }

constexpr size_t kGranularity = 64;
constexpr size_t kClasses = 64;       // frames up to 4 KiB are kept
constexpr size_t kKeptPerClass = 64;  // a bound on what an idle thread holds

struct FreeFrames {
  struct Node {
    Node* next;
  };
  struct List {
    Node* head = nullptr;
    size_t count = 0;
  };
  std::array<List, kClasses> lists;

  ~FreeFrames() {
    for (List& list : lists) {
      while (list.head != nullptr) std::free(std::exchange(list.head, list.head->next));
    }
  }
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kKeepFrames = false;  // so that the sanitizers see every frame's life
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kKeepFrames = false;
#else
constexpr bool kKeepFrames = true;
#endif
#else
constexpr bool kKeepFrames = true;
#endif

thread_local FreeFrames t_free;

}  // namespace

void* AllocateFrame(size_t size) {
  const size_t index = (size + kGranularity - 1) / kGranularity;
  if (kKeepFrames && index < kClasses) {
    FreeFrames::List& list = t_free.lists[index];
    if (list.head != nullptr) {
      --list.count;
      return std::exchange(list.head, list.head->next);
    }
  }
  void* frame = std::malloc(index * kGranularity);
  DOHLE_CHECK(frame != nullptr);
  return frame;
}

void FreeFrame(void* frame, size_t size) {
  const size_t index = (size + kGranularity - 1) / kGranularity;
  if (kKeepFrames && index < kClasses) {
    FreeFrames::List& list = t_free.lists[index];
    if (list.count < kKeptPerClass) {
      auto* node = static_cast<FreeFrames::Node*>(frame);
      node->next = list.head;
      list.head = node;
      ++list.count;
      return;
    }
  }
  std::free(frame);
}

void Spawn(Executor& executor, Task<void> task) {
  Root root = RunToEnd(std::move(task));
  auto& promise = root.handle.promise();
  promise.own_context.executor = &executor;
  promise.context = &promise.own_context;
  Start start(root);
  if (Executor::Current() == &executor) {
    start();
  } else {
    executor.Post(std::move(start));
  }
}

}  // namespace dohle::env
