// SPDX-License-Identifier: Apache-2.0
#include "library.hpp"

#include <algorithm>
#include <set>
#include <unordered_set>
#include <utility>

#include "database_reader.hpp"
#include "export_reader.hpp"
#include "folder_reader.hpp"
#include "merge.hpp"

namespace provenance {
namespace {

// So many stay open at once, three descriptors each.
constexpr std::size_t kOpenDatabases = 8;

constexpr std::size_t kTroublesCap = 100;

void add_troubles(std::vector<std::string>& all, std::vector<std::string>& some) {
  for (auto& trouble : some)
    if (all.size() < kTroublesCap) all.push_back(std::move(trouble));
  some.clear();
}

// Whose databases can't be read now. Only a database says reliably whose a session is and what it
// came from: a file by itself would pass for a session of nobody's.
class Homes {
 public:
  explicit Homes(const std::vector<Source*>& sources) {
    for (const auto* source : sources)
      if (source->is_database()) all_.insert(source->home());
  }

  void lose(const Source& source) {
    if (!source.is_database()) return;
    lost_.insert(source.home());
    home_lost_ = home_lost_ || source.owner() == Owner::home;
  }
  // Whether a file's sessions may be of a database that is lost: those beside a database are of
  // that one, others of any. So may a run's be, by their ids alone.
  [[nodiscard]] bool keep_back(const Source& source) const {
    if (source.owner() == Owner::run) return home_lost_;
    if (source.is_database() || lost_.empty()) return false;
    return !all_.contains(source.home()) || lost_.contains(source.home());
  }

 private:
  std::set<std::string> all_, lost_;
  bool home_lost_ = false;
};

}  // namespace

// Hands each session over once, from whichever source it comes first.
class Library::Merger final : public Taker {
 public:
  Merger(std::vector<Source*> sources, Instant now, const std::function<bool(Session&&)>& each,
         Pass& pass)
      : sources_(std::move(sources)), now_(now), each_(each), pass_(pass), homes_(sources_) {}

  // What each source has; one that can't be listed is left out of this pass. Files come before
  // databases, in which a session is before it is in a file: so one that is born meanwhile is at
  // worst missed by the files, and comes with them the next time, but never passes for one that is
  // in no database.
  void list() {
    std::vector<Source*> listed;
    for (auto at = sources_.rbegin(); at != sources_.rend(); ++at) {
      Source& source = **at;
      const bool done = attempt(source, [&] {
        source.list([&](std::string_view id) { places_.emplace_back(hash_of(id), &source); });
        close_some(source);
      });
      if (done) listed.push_back(&source);
    }
    sources_.assign(listed.rbegin(), listed.rend());
    std::reverse(places_.begin(), places_.end());
    std::stable_sort(places_.begin(), places_.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
  }

  // Whether it can be read.
  template <class Do>
  bool attempt(Source& source, Do&& what) {
    bool done = false;
    try {
      what();
      done = true;
    } catch (const Unreadable& error) {
      source.troubles.emplace_back(error.what());
      homes_.lose(source);
    }
    add_troubles(pass_.troubles, source.troubles);
    return done;
  }

  void read(Source& source, const Cursor& since) {
    if (std::find(sources_.begin(), sources_.end(), &source) == sources_.end()) return;
    reading_ = &source;
    if (!keeps_back())
      attempt(source, [&] {
        parts_failed_ = false;
        auto cursor = source.read(since, now_, *this);
        if (!keeps_back() && !parts_failed_) pass_.cursors[source.name()] = std::move(cursor);
      });
    if (keeps_back()) {
      source.troubles.push_back(source.name() +
                                " waits for the next run: a database that its sessions may be of "
                                "can't be read");
      add_troubles(pass_.troubles, source.troubles);
    }
    close_some(source);
  }

  // A session that a file holds, and another store too, is handed over here.
  bool wants(const std::string& id) override {
    if (keeps_back()) return false;
    const auto hash = hash_of(id);
    if (handed_.contains(hash)) return false;
    const auto [first, last] = places_of(hash);
    if (last - first < 2) return true;
    auto versions = gather(id, first, last, nullptr);
    if (keeps_back()) return false;
    if (versions.empty()) return true;
    handed_.insert(hash);
    hand_over(merge(std::move(versions)));
    return false;
  }

  void take(Reading&& reading) override {
    if (keeps_back()) return;
    if (reading.session.id.empty()) {
      pass_.troubles.push_back(reading.session.store.path + " has a session without an id");
      return;
    }
    const auto hash = hash_of(reading.session.id);
    const auto [first, last] = places_of(hash);
    if (last - first < 2) return hand_over(std::move(reading));
    if (!handed_.insert(hash).second) return;
    const std::string id = reading.session.id;
    auto versions = gather(id, first, last, &reading);
    if (keeps_back()) return;
    hand_over(merge(std::move(versions)));
  }

  [[nodiscard]] bool has_enough() const override { return !pass_.complete || keeps_back(); }

 private:
  using Places = std::vector<std::pair<std::uint64_t, Source*>>;
  using Place = Places::const_iterator;

  // Of what is being read nothing more is handed over.
  [[nodiscard]] bool keeps_back() const {
    return reading_ != nullptr && homes_.keep_back(*reading_);
  }

  std::uint64_t hash_of(std::string_view id) { return hash_.text(id).number(); }

  [[nodiscard]] std::pair<Place, Place> places_of(std::uint64_t hash) const {
    const auto before = [](const auto& place, std::uint64_t value) { return place.first < value; };
    const Place first = std::lower_bound(places_.begin(), places_.end(), hash, before);
    Place last = first;
    while (last != places_.end() && last->first == hash) ++last;
    return {first, last};
  }

  // Every source's version that counts, in their order; `known` is that of the source that is being
  // read. What files have counts only where it is more than what a database has.
  std::vector<Reading> gather(const std::string& id, Place first, Place last, Reading* known) {
    std::vector<Version> versions;
    std::size_t most = 0;
    const Source* done = nullptr;
    for (auto at = first; at != last; ++at) {
      Source& source = *at->second;
      if (&source == std::exchange(done, &source)) continue;
      std::optional<Reading> version;
      if (known != nullptr && source.name() == reading_name(*known)) {
        version = std::move(*known);
      } else {
        if (!attempt(source, [&] { version = source.find(id, now_, most); })) parts_failed_ = true;
        close_some(source);
      }
      if (!version) continue;
      versions.push_back({std::move(*version), source.owner()});
      const auto& front = versions.front();
      if (front.owner == Owner::home && source.owner() != Owner::run &&
          front.reading.session.store.kind == Store::Kind::database)
        most = std::max(most, versions.back().reading.rows);
    }
    std::vector<std::string> troubles;
    auto counting = of_one_owner(std::move(versions), troubles);
    add_troubles(pass_.troubles, troubles);
    return counting;
  }

  static std::string reading_name(const Reading& reading) {
    return reading.session.store.kind == Store::Kind::database
               ? "database:" + reading.session.store.path
               : "";
  }

  void hand_over(Reading&& reading) {
    ++pass_.sessions;
    if (!each_(std::move(reading.session))) pass_.complete = false;
  }

  void close_some(Source& source) {
    if (!source.is_database()) return;
    const auto at = std::find(sources_.begin(), sources_.end(), &source) - sources_.begin();
    if (at >= static_cast<std::ptrdiff_t>(kOpenDatabases)) source.close();
  }

  std::vector<Source*> sources_;
  Instant now_;
  const std::function<bool(Session&&)>& each_;
  Pass& pass_;
  Homes homes_;
  const Source* reading_ = nullptr;
  bool parts_failed_ = false;  // of a session in it another store could not say what it has
  RowHash hash_;
  Places places_;                             // by hash of the id, in the order of the sources
  std::unordered_set<std::uint64_t> handed_;  // of those that several sources have
};

Library::Library(const Stores& stores, const Caps& caps, std::function<bool()> is_cancelled) {
  for (const auto& path : stores.databases) {
    const auto run = stores.runs.find(path);
    sources_.push_back(std::make_unique<DatabaseReader>(
        path, caps, is_cancelled, run == stores.runs.end() ? "" : run->second));
  }
  for (const auto& path : stores.exports)
    sources_.push_back(std::make_unique<ExportReader>(path, caps, is_cancelled));
  for (const auto& path : stores.folders)
    sources_.push_back(std::make_unique<FolderReader>(path, caps, is_cancelled));
}

Library::Pass Library::read(const Cursors& since, Instant now,
                            const std::function<bool(Session&&)>& each) {
  Pass pass;
  std::vector<Source*> all, changed;
  std::map<const Source*, Cursor> cursors;
  for (const auto& source : sources_) {
    const auto known = since.find(source->name());
    if (known != since.end()) pass.cursors.insert(*known);
    all.push_back(source.get());
  }
  Merger merger(all, now, each, pass);
  for (auto* source : all) {
    bool same = false;
    merger.attempt(*source, [&] {
      const auto known = pass.cursors.find(source->name());
      same = known != pass.cursors.end() && source->unchanged(known->second, now);
    });
    if (!same) changed.push_back(source);
  }
  // In one database no session is twice.
  const bool alone = all.size() == 1 && all.front()->is_database();
  if (!changed.empty() && !alone) merger.list();
  for (auto* source : changed) {
    if (!pass.complete) break;
    const auto known = since.find(source->name());
    merger.read(*source, known == since.end() ? Cursor() : known->second);
  }
  for (auto* source : all) source->close();
  return pass;
}

std::optional<Session> Library::find(const std::string& id, Instant now) {
  std::vector<Version> versions;
  std::size_t databases = 0;
  std::vector<Source*> all;
  for (const auto& source : sources_) all.push_back(source.get());
  Homes homes(all);
  for (auto* source : all) {
    if (homes.keep_back(*source)) continue;
    try {
      if (auto version = source->find(id, now, 0))
        versions.push_back({std::move(*version), source->owner()});
    } catch (const Unreadable&) {
      // A pass would do without it as well, and without the files that need it.
      homes.lose(*source);
      source->close();
    }
    source->troubles.clear();
    if (source->is_database() && ++databases > kOpenDatabases) source->close();
  }
  if (versions.empty()) return std::nullopt;
  std::vector<std::string> told_by_the_pass;
  return merge(of_one_owner(std::move(versions), told_by_the_pass)).session;
}

}  // namespace provenance
