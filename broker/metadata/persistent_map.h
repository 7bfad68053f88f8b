// PersistentMap: a hash map whose copies share what they have in common (a hash array mapped trie). A copy
// costs one reference; a change copies the few nodes on its path, or nothing when this map is the only one
// that holds them. So an image of the whole cluster can be copied for each change, and bulk changes run in
// place.
//
// Values and iteration order depend on the content only, never on addresses: the same history gives the same
// order in every run. Pointers and iterators stay valid as long as some map that holds the node lives and
// isn't itself changed.
//
// A map is used by one thread at a time; copies of it may live on other threads.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/ids.h"
#include "lib/base/strong_int.h"
#include "lib/base/uuid.h"

namespace dohle::metadata {

struct PersistentHash {
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  size_t operator()(int32_t value) const { return static_cast<uint32_t>(value); }
  size_t operator()(const Uuid& id) const {
    size_t hash = 0;
    for (const uint8_t byte : id.bytes()) hash = (hash ^ byte) * 0x100000001b3;  // FNV-1a
    return hash ^ (hash >> 29);
  }
  template <typename Tag, typename Rep>
  size_t operator()(StrongInt<Tag, Rep> value) const {
    return static_cast<size_t>(value.value());
  }
  // A topic's are dense: neighbours share a leaf, which holds kLeafEntries, and so a leaf's cost.
  size_t operator()(PartitionIndex index) const { return static_cast<uint32_t>(index.value()) / 8; }
};

template <typename K, typename V>
class PersistentMap {
 public:
  using Entry = std::pair<K, V>;

  PersistentMap() = default;

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  template <typename Q>
  const V* Find(const Q& key) const {
    const Node* node = root_.get();
    for (size_t hash = PersistentHash()(key); node != nullptr; hash >>= kBits) {
      if (node->leaf) return FindIn(*node, key);
      node = node->Child(hash);
    }
    return nullptr;
  }
  template <typename Q>
  bool Contains(const Q& key) const {
    return Find(key) != nullptr;
  }

  // Inserts or replaces.
  void Set(K key, V value) {
    const size_t hash = PersistentHash()(key);
    V* place = Insert(root_, std::move(key), hash, 0);
    *place = std::move(value);
  }
  // The value to be changed in place, null if absent. Valid until the next change or copy of the map.
  template <typename Q>
  V* FindMutable(const Q& key) {
    if (Find(key) == nullptr) return nullptr;
    Ref* link = &root_;
    for (size_t hash = PersistentHash()(key);; hash >>= kBits) {
      Node& node = Own(*link);
      if (node.leaf) return const_cast<V*>(FindIn(node, key));
      link = node.ChildLink(hash);
    }
  }
  template <typename Q>
  bool Erase(const Q& key) {
    if (Find(key) == nullptr) return false;
    Remove(root_, key, PersistentHash()(key));
    --size_;
    return true;
  }

 private:
  static constexpr int kBits = 5;
  static constexpr size_t kLeafEntries = 8;
  static constexpr int kMaxDepth = 12;  // 60 bits of hash; equal hashes share a leaf

  struct Node;
  // A counted reference. The count of one, read with acquire, means that nobody else can reach the node.
  class Ref {
   public:
    Ref() = default;
    explicit Ref(Node* node) : node_(node) {}
    Ref(const Ref& other) : node_(other.node_) {
      if (node_ != nullptr) node_->references.fetch_add(1, std::memory_order_relaxed);
    }
    Ref(Ref&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
    Ref& operator=(Ref other) noexcept {
      std::swap(node_, other.node_);
      return *this;
    }
    ~Ref() {
      if (node_ != nullptr && node_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete node_;
    }
    Node* get() const { return node_; }
    bool unique() const { return node_->references.load(std::memory_order_acquire) == 1; }

   private:
    Node* node_ = nullptr;
  };
  struct Node {
    Node() = default;
    Node(const Node& other)
        : leaf(other.leaf), bitmap(other.bitmap), children(other.children), entries(other.entries) {}

    static uint32_t Bit(size_t hash) { return uint32_t{1} << (hash & ((1U << kBits) - 1)); }
    size_t Index(size_t hash) const { return static_cast<size_t>(std::popcount(bitmap & (Bit(hash) - 1))); }
    const Node* Child(size_t hash) const {
      return (bitmap & Bit(hash)) ? children[Index(hash)].get() : nullptr;
    }
    Ref* ChildLink(size_t hash) { return &children[Index(hash)]; }

    std::atomic<uint32_t> references{1};
    bool leaf = true;
    uint32_t bitmap = 0;
    std::vector<Ref> children;   // of a branch, one for each bit of the bitmap
    std::vector<Entry> entries;  // of a leaf
  };

  template <typename Q>
  static const V* FindIn(const Node& leaf, const Q& key) {
    for (const Entry& entry : leaf.entries) {
      if (entry.first == key) return &entry.second;
    }
    return nullptr;
  }
  static Node& Own(Ref& link) {
    if (!link.unique()) link = Ref(new Node(*link.get()));
    return *link.get();
  }

  // `hash` is what is left of it at this depth.
  V* Insert(Ref& link, K&& key, size_t hash, int depth) {
    if (link.get() == nullptr) link = Ref(new Node());
    Node& node = Own(link);
    if (!node.leaf) {
      if (node.Child(hash) == nullptr) {
        node.children.insert(node.children.begin() + static_cast<ptrdiff_t>(node.Index(hash)),
                             Ref(new Node()));
        node.bitmap |= Node::Bit(hash);
      }
      return Insert(*node.ChildLink(hash), std::move(key), hash >> kBits, depth + 1);
    }
    if (V* found = const_cast<V*>(FindIn(node, key)); found != nullptr) return found;
    if (node.entries.size() >= kLeafEntries && depth < kMaxDepth) {
      Split(node, depth);
      return Insert(link, std::move(key), hash, depth);
    }
    ++size_;
    return &node.entries.emplace_back(std::move(key), V()).second;
  }
  void Split(Node& node, int depth) {
    std::vector<Entry> entries = std::exchange(node.entries, {});
    node.leaf = false;
    size_ -= entries.size();
    for (Entry& entry : entries) {
      const size_t hash = PersistentHash()(entry.first) >> (kBits * depth);
      if (node.Child(hash) == nullptr) {
        node.children.insert(node.children.begin() + static_cast<ptrdiff_t>(node.Index(hash)),
                             Ref(new Node()));
        node.bitmap |= Node::Bit(hash);
      }
      *Insert(*node.ChildLink(hash), std::move(entry.first), hash >> kBits, depth + 1) =
          std::move(entry.second);
    }
  }
  // The key is there. Empties go away, so that a map that shrank is small.
  template <typename Q>
  static void Remove(Ref& link, const Q& key, size_t hash) {
    Node& node = Own(link);
    if (node.leaf) {
      std::erase_if(node.entries, [&](const Entry& entry) { return entry.first == key; });
      if (node.entries.empty()) link = Ref();
      return;
    }
    Ref* child = node.ChildLink(hash);
    Remove(*child, key, hash >> kBits);
    if (child->get() != nullptr) return;
    node.children.erase(node.children.begin() + static_cast<ptrdiff_t>(node.Index(hash)));
    node.bitmap &= ~Node::Bit(hash);
    if (node.children.empty()) link = Ref();
  }

 public:
  class const_iterator {
   public:
    using value_type = Entry;
    using difference_type = ptrdiff_t;
    using reference = const Entry&;
    using pointer = const Entry*;
    using iterator_category = std::forward_iterator_tag;

    const_iterator() = default;
    reference operator*() const { return leaf_->entries[entry_]; }
    pointer operator->() const { return &leaf_->entries[entry_]; }
    const_iterator& operator++() {
      if (++entry_ == leaf_->entries.size()) Next();
      return *this;
    }
    const_iterator operator++(int) {
      const_iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const const_iterator& a, const const_iterator& b) {
      return a.leaf_ == b.leaf_ && a.entry_ == b.entry_;
    }

   private:
    friend class PersistentMap;
    explicit const_iterator(const Node* root) {
      if (root != nullptr) Descend(root);
    }
    void Descend(const Node* node) {
      while (!node->leaf) {
        path_[depth_++] = {node, 0};
        node = node->children[0].get();
      }
      leaf_ = node;
      entry_ = 0;
    }
    void Next() {
      while (depth_ > 0) {
        auto& [node, child] = path_[depth_ - 1];
        if (++child < node->children.size()) return Descend(node->children[child].get());
        --depth_;
      }
      leaf_ = nullptr;
      entry_ = 0;
    }

    std::pair<const Node*, size_t> path_[kMaxDepth + 1];
    int depth_ = 0;
    const Node* leaf_ = nullptr;
    size_t entry_ = 0;
  };
  const_iterator begin() const { return const_iterator(root_.get()); }
  const_iterator end() const { return const_iterator(); }

 private:
  Ref root_;
  size_t size_ = 0;
};

}  // namespace dohle::metadata
