// SPDX-License-Identifier: Apache-2.0
#include "folder_reader.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

#include "clean_text.hpp"
#include "merge.hpp"
#include "snapshot.hpp"
#include "transcript.hpp"

namespace provenance {
namespace {

constexpr std::string_view kSnapshotHead = "session_", kSnapshotTail = ".json",
                           kTranscriptTail = ".jsonl";

constexpr std::size_t kTroublesCap = 100;

[[noreturn]] void cannot_open(const std::string& path) {
  throw Unreadable(path + " can't be opened: " + std::strerror(errno) +
                   ": it is read with the next run");
}

bool is_transcript(std::string_view name) { return name.ends_with(kTranscriptTail); }

// The id of the session that is in the file of that name; empty: none is.
std::string_view id_in(std::string_view name) {
  if (name.starts_with('.') || name.starts_with("request_dump_")) return {};
  if (is_transcript(name)) return name.substr(0, name.size() - kTranscriptTail.size());
  if (!name.starts_with(kSnapshotHead) || !name.ends_with(kSnapshotTail) ||
      name.size() <= kSnapshotHead.size() + kSnapshotTail.size())
    return {};
  return name.substr(kSnapshotHead.size(),
                     name.size() - kSnapshotHead.size() - kSnapshotTail.size());
}

std::uint64_t key_of(const std::string& name, RowHash& hash) { return hash.text(name).number(); }

std::uint64_t fingerprint_of(const std::string& name, const FileIdentity& file, bool live,
                             RowHash& hash) {
  hash.text(name).integer(static_cast<std::int64_t>(file.device));
  hash.integer(static_cast<std::int64_t>(file.inode)).integer(file.size);
  hash.integer(file.changed_ns).integer(file.status_changed_ns).integer(live ? 1 : 0);
  return hash.number();
}

std::optional<Instant> live_until(const FileIdentity& file, Instant now) {
  return provenance::live_until(Instant(std::chrono::microseconds(file.written_ns() / 1000)), now);
}

// Those that were written last, as far as a cursor has room for their names.
constexpr std::size_t kNamesCap = 1024;
// After so long all of them are looked at again.
constexpr auto kLooksHold = std::chrono::hours(24);

}  // namespace

FolderReader::FolderReader(std::string path, const Caps& caps, std::function<bool()> is_cancelled)
    : path_(std::move(path)), caps_(caps), is_cancelled_(std::move(is_cancelled)) {}

std::string FolderReader::home() const { return path_.substr(0, path_.rfind('/')); }

void FolderReader::throw_if_cancelled() const {
  if (is_cancelled_ && is_cancelled_()) throw Interrupted();
}

void FolderReader::close() { listing_.reset(); }

FolderReader::Listing FolderReader::look() {
  const auto folder = entries_of(path_);
  struct stat info {};
  if (!folder || ::fstat(::dirfd(folder.get()), &info) != 0)
    throw Unreadable(path_ + " can't be listed: " + std::strerror(errno) +
                     ": grant fs.read for it");
  Listing listing{FileIdentity::of(info), {}};
  while (const auto* entry = ::readdir(folder.get())) {
    throw_if_cancelled();
    const std::string name = entry->d_name;
    if (id_in(name).empty()) continue;
    if (!is_utf8(name)) {
      // Nothing that is said of it could be written down.
      if (troubles.size() < kTroublesCap)
        troubles.push_back(path_ + "/" + cleaned(name) + " is passed over: its name is no UTF-8");
      continue;
    }
    if (::fstatat(::dirfd(folder.get()), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(info.st_mode))
      continue;
    if (listing.entries.size() == caps_.files) {
      troubles.push_back(path_ + " has more than " + std::to_string(caps_.files) +
                         " files with sessions: the others are not read");
      break;
    }
    listing.entries.push_back({name, FileIdentity::of(info), key_of(name, hash_)});
  }
  std::sort(listing.entries.begin(), listing.entries.end(),
            [](const Entry& a, const Entry& b) { return a.key < b.key; });
  return listing;
}

const FolderReader::Listing& FolderReader::listing() {
  if (!listing_) listing_ = look();
  return *listing_;
}

// A snapshot is replaced, which changes the folder; a transcript grows, which doesn't. It is mostly
// one of those that did last, and the gateway replaces its own file in the folder with each
// message; what neither shows is seen a day later, so that a look costs the same in every folder.
bool FolderReader::unchanged(const Cursor& cursor, Instant now) const {
  if (!is_good_until(cursor, now)) return false;
  const auto folder = FileIdentity::from(cursor.value("folder", Cursor()));
  if (!folder || FileIdentity::at(path_) != folder) return false;
  const auto latest = cursor.value("latest", Cursor());
  if (!latest.is_object()) return false;
  if (latest.empty()) return true;
  const auto looked = cursor.value("looked", Cursor());
  if (!looked.is_number_integer()) return false;
  const Instant then{std::chrono::microseconds(looked.get<std::int64_t>())};
  if (now < then || now >= then + kLooksHold) return false;
  RowHash hash;
  return std::all_of(latest.items().begin(), latest.items().end(), [&](const auto& each) {
    const auto file = FileIdentity::at(path_ + "/" + each.key());
    return file && each.value() == fingerprint_of(each.key(), *file, false, hash);
  });
}

// The fingerprints of the transcripts that were written last, by name.
Cursor FolderReader::latest(const Listing& all) {
  std::vector<const Entry*> transcripts;
  for (const auto& entry : all.entries)
    if (is_transcript(entry.name)) transcripts.push_back(&entry);
  std::sort(transcripts.begin(), transcripts.end(), [](const Entry* a, const Entry* b) {
    return a->identity.changed_ns > b->identity.changed_ns;
  });
  Cursor latest = Cursor::object();
  std::size_t bytes = 0;
  for (const auto* entry : transcripts) {
    bytes += entry->name.size() + 26;  // with its fingerprint, as JSON
    if (bytes > kNamesCap && !latest.empty()) break;
    latest[entry->name] = fingerprint_of(entry->name, entry->identity, false, hash_);
  }
  return latest;
}

void FolderReader::list(const std::function<void(std::string_view id)>& each) {
  for (const auto& entry : listing().entries) each(id_in(entry.name));
}

Cursor FolderReader::read(const Cursor& since, Instant now, Taker& taker) {
  const auto& all = listing();
  Pass pass(since, std::numeric_limits<std::uint64_t>::max());
  bool settled = all.folder.is_settled();
  const auto fingerprint = [&](const Entry& entry) {
    const bool live = live_until(entry.identity, now).has_value();
    return fingerprint_of(entry.name, entry.identity, live, hash_);
  };
  for (const auto& entry : all.entries) {
    pass.look(entry.key, fingerprint(entry));
    settled = settled && entry.identity.is_settled();
    pass.note_live(live_until(entry.identity, now));
  }
  if (!pass.knows_nothing()) pass.looked();
  for (const auto& entry : all.entries) {
    if (!pass.wants(entry.key)) continue;
    throw_if_cancelled();
    std::optional<Reading> reading;
    bool read = true;
    try {
      if (taker.wants(std::string(id_in(entry.name)))) reading = read_file(entry.name, now, 0);
    } catch (const Unreadable& error) {
      // Keeps no other from its turn; but it was not handed over, so it comes with the next run.
      if (troubles.size() < kTroublesCap) troubles.emplace_back(error.what());
      read = settled = false;
    }
    if (reading) taker.take(std::move(*reading));
    if (read) pass.handed(entry.key, fingerprint(entry));
    if (taker.has_enough()) return pass.cursor();
  }
  pass.complete();
  auto cursor = pass.cursor();
  if (!settled) return cursor;
  cursor["folder"] = all.folder.json();
  cursor["latest"] = latest(all);
  cursor["looked"] = now.time_since_epoch().count();
  return cursor;
}

std::optional<Reading> FolderReader::read_file(const std::string& name, Instant now,
                                               std::size_t beyond) {
  const std::string path = path_ + "/" + name;
  const auto folder = OpenFile::folder(path_);
  const auto file = folder ? OpenFile::in(folder.get(), name) : OpenFile(-1);
  // Gone since it was listed, which the next listing will show. Everything else may pass.
  if (!file && errno == ENOENT) return std::nullopt;
  if (!file) cannot_open(path);
  const auto identity = file.identity();
  if (!identity) cannot_open(path);
  const std::string id(id_in(name));
  auto reading = is_transcript(name) ? read_transcript(file, id, path, caps_, hash_, beyond)
                                     : read_snapshot(file, id, path, caps_, hash_, beyond);
  if (!reading) return std::nullopt;
  auto& session = reading->session;
  session.live = live_until(*identity, now).has_value();
  seal(*reading);
  return reading;
}

std::optional<Reading> FolderReader::find(const std::string& id, Instant now, std::size_t beyond) {
  // The name is looked for among those that are there, and leads nowhere else.
  std::vector<Reading> versions;
  for (const auto& name : {std::string(kSnapshotHead) + id + std::string(kSnapshotTail),
                           id + std::string(kTranscriptTail)}) {
    const auto& all = listing().entries;
    const auto key = key_of(name, hash_);
    const auto at = std::lower_bound(all.begin(), all.end(), key,
                                     [](const Entry& entry, auto k) { return entry.key < k; });
    if (at == all.end() || at->name != name) continue;
    if (auto reading = read_file(name, now, beyond)) versions.push_back(std::move(*reading));
  }
  if (versions.empty()) return std::nullopt;
  return merge(std::move(versions));
}

}  // namespace provenance
