#include "lib/env/sim/sim_disk.h"

#include <algorithm>
#include <utility>

#include "lib/env/sim/sim_inode.h"

namespace dohle::env {
namespace {

std::vector<std::string> PartsOf(const std::string& path) {
  std::vector<std::string> parts;
  size_t begin = 0;
  while (begin <= path.size()) {
    const size_t end = std::min(path.find('/', begin), path.size());
    std::string part = path.substr(begin, end - begin);
    if (!part.empty() && part != ".") parts.push_back(std::move(part));
    begin = end + 1;
  }
  return parts;
}

Status FaultStatus(DiskFaultKind kind, const std::string& path) {
  switch (kind) {
    case DiskFaultKind::kIoError:
      return MarkDeviceFailure(MakeStatus(StatusCode::kDataLoss, "{}: simulated I/O error", path));
    case DiskFaultKind::kNoSpace:
      return MakeStatus(StatusCode::kResourceExhausted, "{}: simulated full disk", path);
    case DiskFaultKind::kReadOnly:
      return MakeStatus(StatusCode::kPermissionDenied, "{}: simulated read-only file system", path);
    case DiskFaultKind::kMisdirected:
      break;
    case DiskFaultKind::kTooManyFiles:
      return MakeStatus(StatusCode::kResourceExhausted, "{}: simulated lack of file descriptors", path);
  }
  return OkStatus();
}

Status NotFound(const std::string& path) {
  return MakeStatus(StatusCode::kNotFound, "{} does not exist", path);
}

// '*' stands for any run of characters.
bool Matches(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() != '*')
    return !text.empty() && pattern.front() == text.front() && Matches(pattern.substr(1), text.substr(1));
  for (size_t skip = 0; skip <= text.size(); ++skip) {
    if (Matches(pattern.substr(1), text.substr(skip))) return true;
  }
  return false;
}

// A read-only file system lets itself be read.
bool Hits(const DiskFault& fault, DiskOp op, const std::string& path) {
  if (fault.op != DiskOp::kAny && fault.op != op) return false;
  const bool reads = op == DiskOp::kRead || op == DiskOp::kList || op == DiskOp::kOpen;
  if (fault.op == DiskOp::kAny && fault.kind == DiskFaultKind::kReadOnly && reads) return false;
  return Matches(fault.pattern, path);
}

void RemoveTree(SimInode& directory, const std::string& name) {
  const std::shared_ptr<SimInode> inode = directory.entries().at(name);
  while (!inode->entries().empty()) {
    const std::string child = inode->entries().begin()->first;
    RemoveTree(*inode, child);
  }
  directory.Apply({{{name, nullptr}}, nullptr, 0});
}

}  // namespace

SimDisk::SimDisk(uint64_t seed) : random_(seed), used_(std::make_shared<uint64_t>(0)) {
  root_ = NewInode(true, 0);
  root_->AddUser();
}

SimDisk::~SimDisk() { SyncAll(); }  // which also undoes the cycles of changes that wait for each other

std::shared_ptr<SimInode> SimDisk::NewInode(bool is_directory, int64_t now_ms) {
  auto inode = std::make_shared<SimInode>(is_directory, used_);
  inode->modified_ms = now_ms;
  inodes_.push_back(inode);
  return inode;
}

std::vector<std::shared_ptr<SimInode>> SimDisk::AllInodes() {
  std::vector<std::shared_ptr<SimInode>> all;
  std::erase_if(inodes_, [](const auto& inode) { return inode.expired(); });
  for (const auto& inode : inodes_) all.push_back(inode.lock());
  return all;
}

int SimDisk::AddFault(DiskFault fault) {
  faults_.push_back({std::move(fault), next_fault_});
  return next_fault_++;
}

void SimDisk::RemoveFault(int fault) {
  std::erase_if(faults_, [fault](const LiveFault& live) { return live.id == fault; });
}

bool SimDisk::Corrupt(const std::string& path, uint64_t position, uint8_t mask) {
  const auto file = Find(path);
  if (!file.ok() || (*file)->is_directory() || position >= (*file)->content().size()) return false;
  (*file)->Corrupt(position, mask);
  return true;
}

void SimDisk::LoseUnsynced() {
  const auto all = AllInodes();
  for (const auto& inode : all) inode->ChooseSurvivors(random_);
  for (const auto& inode : all) inode->BecomeSurvivors();
}

void SimDisk::SyncAll() {
  for (const auto& inode : AllInodes()) inode->Sync();
}

Status SimDisk::Check(DiskOp op, const std::string& path) {
  for (LiveFault& live : faults_) {
    DiskFault& fault = live.fault;
    if (fault.kind == DiskFaultKind::kMisdirected || !Hits(fault, op, path)) continue;
    if (Takes(fault)) return FaultStatus(fault.kind, path);
  }
  return OkStatus();
}

// Whether it is this operation's turn.
bool SimDisk::Takes(DiskFault& fault) {
  if (fault.skip > 0) {
    --fault.skip;
    return false;
  }
  return fault.times > 0 && fault.times-- > 0;
}

bool SimDisk::Misdirects(const std::string& path) {
  for (LiveFault& live : faults_) {
    DiskFault& fault = live.fault;
    if (fault.kind == DiskFaultKind::kMisdirected && Hits(fault, DiskOp::kWrite, path)) return Takes(fault);
  }
  return false;
}

void SimDisk::WriteAstray(std::string_view data) {
  std::vector<std::shared_ptr<SimInode>> files = AllInodes();
  std::erase_if(files, [](const auto& inode) { return inode->is_directory() || inode->content().empty(); });
  if (files.empty()) return;
  SimInode& file = *files[random_.Below(files.size())];
  const uint64_t position = random_.Below(file.content().size());
  file.Overwrite(position, data.substr(0, file.content().size() - position));
}

void SimDisk::Replace() {
  SyncAll();
  while (!root_->entries().empty()) {
    const std::string name = root_->entries().begin()->first;
    RemoveTree(*root_, name);
  }
  SyncAll();
  ClearFaults();
  capacity_ = kDefaultCapacity;
}

bool SimDisk::ReadIsCold() { return cold_read_chance_ > 0 && random_.Chance(cold_read_chance_); }

StatusOr<std::shared_ptr<SimInode>> SimDisk::Find(const std::string& path) {
  std::shared_ptr<SimInode> inode = root_;
  for (const std::string& part : PartsOf(path)) {
    if (!inode->is_directory()) return NotFound(path);
    const auto it = inode->entries().find(part);
    if (it == inode->entries().end()) return NotFound(path);
    inode = it->second;
  }
  return inode;
}

StatusOr<SimDisk::Place> SimDisk::Locate(const std::string& path) {
  std::vector<std::string> parts = PartsOf(path);
  if (parts.empty()) return MakeStatus(StatusCode::kInvalidArgument, "{}: the root cannot be changed", path);
  Place place{root_, std::move(parts.back())};
  parts.pop_back();
  for (const std::string& part : parts) {
    const auto it = place.directory->entries().find(part);
    if (it == place.directory->entries().end() || !it->second->is_directory()) return NotFound(path);
    place.directory = it->second;
  }
  return place;
}

StatusOr<std::shared_ptr<SimInode>> SimDisk::Open(const std::string& path, OpenMode mode, int64_t now_ms) {
  DOHLE_ASSIGN_OR_RETURN(const Place place, Locate(path));
  const auto it = place.directory->entries().find(place.name);
  if (it != place.directory->entries().end()) {
    if (mode == OpenMode::kCreateExclusive) return MakeStatus(StatusCode::kAlreadyExists, "{} exists", path);
    if (it->second->is_directory())
      return MakeStatus(StatusCode::kFailedPrecondition, "{} is a directory", path);
    return it->second;
  }
  if (mode == OpenMode::kReadOnly || mode == OpenMode::kReadWrite) return NotFound(path);
  std::shared_ptr<SimInode> file = NewInode(false, now_ms);
  place.directory->Apply({{{place.name, file}}, nullptr, 0});
  return file;
}

Status SimDisk::CreateDirectories(const std::string& path, int64_t now_ms) {
  std::shared_ptr<SimInode> inode = root_;
  for (const std::string& part : PartsOf(path)) {
    const auto it = inode->entries().find(part);
    std::shared_ptr<SimInode> next = it == inode->entries().end() ? nullptr : it->second;
    if (next == nullptr) {
      next = NewInode(true, now_ms);
      inode->Apply({{{part, next}}, nullptr, 0});
    } else if (!next->is_directory()) {
      return MakeStatus(StatusCode::kFailedPrecondition, "{}: {} is a file", path, part);
    }
    inode = std::move(next);
  }
  return OkStatus();
}

Status SimDisk::Rename(const std::string& from, const std::string& to) {
  DOHLE_ASSIGN_OR_RETURN(const Place source, Locate(from));
  DOHLE_ASSIGN_OR_RETURN(const Place target, Locate(to));
  const auto it = source.directory->entries().find(source.name);
  if (it == source.directory->entries().end()) return NotFound(from);
  const std::shared_ptr<SimInode> inode = it->second;
  const auto there = target.directory->entries().find(target.name);
  if (there != target.directory->entries().end()) {
    const SimInode& old = *there->second;
    if (&old == inode.get()) return OkStatus();
    if (old.is_directory() != inode->is_directory() || !old.entries().empty()) {
      return MakeStatus(StatusCode::kFailedPrecondition, "cannot rename {}: {} is in the way", from, to);
    }
  }
  if (source.directory == target.directory) {
    source.directory->Apply({{{source.name, nullptr}, {target.name, inode}}, nullptr, 0});
    return OkStatus();
  }
  const size_t removal = source.directory->changes() + 1;
  const size_t addition = target.directory->changes() + 1;
  target.directory->Apply({{{target.name, inode}}, source.directory, removal});
  source.directory->Apply({{{source.name, nullptr}}, target.directory, addition});
  return OkStatus();
}

Status SimDisk::Remove(const std::string& path, bool recursively) {
  const StatusOr<Place> place = Locate(path);
  if (place.status().code() == StatusCode::kNotFound) return OkStatus();
  if (!place.ok()) return place.status();
  const auto it = place->directory->entries().find(place->name);
  if (it == place->directory->entries().end()) return OkStatus();
  if (!recursively && !it->second->entries().empty())
    return MakeStatus(StatusCode::kFailedPrecondition, "cannot remove {}: it is not empty", path);
  RemoveTree(*place->directory, place->name);
  return OkStatus();
}

Status SimDisk::Write(SimInode& file, uint64_t position, std::string_view data, const std::string& path) {
  if (Misdirects(path)) {
    WriteAstray(data);
    return OkStatus();
  }
  const uint64_t size = file.content().size();
  const uint64_t end = position + data.size();
  const uint64_t free = Space().free_bytes;
  if (end <= size || end - size <= free) {
    file.Write(position, data);
    return OkStatus();
  }
  // As on a real disk, a part of the write fits, and stays.
  const uint64_t fits = size + free > position ? size + free - position : 0;
  if (fits > 0) file.Write(position, data.substr(0, random_.Below(fits + 1)));
  return MakeStatus(StatusCode::kResourceExhausted, "cannot write {}: the simulated disk of {} bytes is full",
                    path, capacity_);
}

Status SimDisk::Truncate(SimInode& file, uint64_t size, const std::string& path) {
  const uint64_t before = file.content().size();
  if (size > before && size - before > Space().free_bytes) {
    return MakeStatus(StatusCode::kResourceExhausted,
                      "cannot extend {}: the simulated disk of {} bytes is full", path, capacity_);
  }
  file.Truncate(size);
  return OkStatus();
}

SpaceInfo SimDisk::Space() const { return {capacity_, capacity_ > *used_ ? capacity_ - *used_ : 0}; }

}  // namespace dohle::env
