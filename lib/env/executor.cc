#include "lib/env/executor.h"

#include <utility>

#include "lib/base/check.h"

namespace dohle::env {
namespace {
thread_local Executor* t_current = nullptr;
}  // namespace

void Chain::Unlink() {
  if (previous_ != nullptr) previous_->next_ = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
  previous_ = nullptr;
  next_ = nullptr;
}

Executor::~Executor() { DOHLE_CHECK(chains_.next_ == nullptr); }

Executor* Executor::Current() { return t_current; }
void Executor::SetCurrent(Executor* executor) { t_current = executor; }

void Executor::Adopt(Chain& chain, std::coroutine_handle<> root) {
  chain.root_ = root;
  chain.previous_ = &chains_;
  chain.next_ = chains_.next_;
  if (chain.next_ != nullptr) chain.next_->previous_ = &chain;
  chains_.next_ = &chain;
}

void Executor::DestroyChains() {
  while (chains_.next_ != nullptr) chains_.next_->root_.destroy();
}

}  // namespace dohle::env
