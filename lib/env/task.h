// Task<T>: a lazy coroutine. It starts when awaited and runs where its awaiter runs. Spawn() starts one with
// nobody awaiting it.
//
// A chain of tasks is always resumed on the thread of its executor. So a plain flag tells an awaiter whether
// the task came to its end without waiting; the awaiter then simply goes on. Symmetric transfer would do as
// well where the compiler makes a tail call of it, but g++ doesn't at -O0 or under its address sanitizer, and
// a loop of tasks that don't wait would grow the stack.
//
// Rules (g++ 12 has bugs where they are broken): a coroutine takes its parameters by value, or by reference
// to what outlives it; a braced temporary is given a name before the co_await expression that uses it; a
// lambda that is a coroutine captures nothing.
//
// Exceptions don't exist here: one that escapes a coroutine ends the program.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

#include "lib/base/check.h"

namespace dohle::env {

class Executor;
class Lane;

// What a chain of coroutines shares: made by Spawn, inherited by everything that is awaited from there.
struct TaskContext {
  Executor* executor = nullptr;  // where the chain runs; a wake-up comes back to it
  const Lane* lane = nullptr;    // the lane the chain is in, if any: entering another from inside is a bug
};

// Frames come from a free list of this thread: a request needs a handful, all of a few sizes.
void* AllocateFrame(size_t size);
void FreeFrame(void* frame, size_t size);

class PromiseBase {
 public:
  std::suspend_always initial_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { std::terminate(); }
  static void* operator new(size_t size) { return AllocateFrame(size); }
  static void operator delete(void* frame, size_t size) { FreeFrame(frame, size); }

  TaskContext* context = nullptr;
  std::coroutine_handle<> continuation;  // set once the awaiter has suspended
  bool ended = false;
};

// The end of a task: the awaiter goes on, if it has suspended. It destroys the task's frame while it runs.
struct ResumeContinuation {
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  void await_suspend(std::coroutine_handle<Promise> done) const noexcept {
    done.promise().ended = true;
    if (const std::coroutine_handle<> continuation = done.promise().continuation) continuation.resume();
  }
  void await_resume() const noexcept {}
};

// The start of a task; false if it has come to its end already.
template <typename Promise, typename Caller>
bool StartAndWait(std::coroutine_handle<Promise> task, std::coroutine_handle<Caller> caller) {
  Promise& promise = task.promise();
  promise.context = caller.promise().context;
  task.resume();
  if (promise.ended) return false;
  promise.continuation = caller;
  return true;
}

template <typename T>
class [[nodiscard]] Task {
 public:
  class promise_type : public PromiseBase {
   public:
    Task get_return_object() { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
    ResumeContinuation final_suspend() const noexcept { return {}; }
    template <typename U>
    void return_value(U&& value) {
      result.emplace(std::forward<U>(value));
    }
    std::optional<T> result;
  };

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> caller) {
    return StartAndWait(handle_, caller);
  }
  T await_resume() { return std::move(*handle_.promise().result); }

 private:
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

template <>
class [[nodiscard]] Task<void> {
 public:
  class promise_type : public PromiseBase {
   public:
    Task get_return_object() { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
    ResumeContinuation final_suspend() const noexcept { return {}; }
    void return_void() {}
  };

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> caller) {
    return StartAndWait(handle_, caller);
  }
  void await_resume() const noexcept {}

 private:
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

// Starts `task` on `executor`. From the executor's own thread it begins at once, before Spawn returns, up to
// its first wait; from another thread it is posted. Nothing can cancel it: it ends when it returns, or it is
// destroyed where it waits when its executor ends.
void Spawn(Executor& executor, Task<void> task);

}  // namespace dohle::env
