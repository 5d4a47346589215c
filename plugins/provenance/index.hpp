// SPDX-License-Identifier: Apache-2.0
//
// What is known of the sessions that were read, and where each pair that came out stands: a SQLite
// file beside the output, so that neither the set of what was seen nor a withdrawal needs memory.
//
// The output is what its manifest says. A row belongs to the generation of the manifest that it was
// written for; what is of a generation that never came about is taken back by roll_back().
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "consent.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace provenance {

// A pair that came out.
struct IndexedPair {
  std::string digest;  // of its content, 16 bytes
  std::string id;      // 16 bytes
  std::int64_t session = 0, file = 0;
  std::optional<Instant> until;  // the last word in it
  Consent consent = Consent::none;
  std::string rule;
};

struct KnownSession {
  std::int64_t key = 0;
  Kin kin;
  std::string digest;     // of what was made into pairs; "": nothing yet, or all of it anew
  std::int64_t seen = 0;  // the generation that read it last
};

class Index {
 public:
  // Opens it, or makes it. What is no index of this form is removed and made anew: the stores have
  // all of it. Throws Retryable "io".
  explicit Index(const std::filesystem::path& path);
  // To read one as it was for a generation, while a run may write the next: nothing is written,
  // waited for or taken away. Null: there is none, or it knows less than that. Throws Retryable
  // "io".
  [[nodiscard]] static std::unique_ptr<const Index> as_of(const std::filesystem::path& path,
                                                          std::int64_t generation);
  // Whether a run was ended before the manifest had what it wrote; or is not yet there.
  [[nodiscard]] bool is_ahead() const;
  ~Index();
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;

  enum class Known {
    all,
    // It was ahead, by a run that was killed: its pairs are taken back, but who sessions are said
    // to be is of that run, and what followed from it has to be looked at anew. It is so until a
    // generation was committed.
    taken_back,
    // It knows less than the output, and is emptied; and is so until a generation was committed.
    less,
  };
  // Takes back what was written for generations after this one.
  [[nodiscard]] Known roll_back(std::int64_t generation);
  // Begins to write for a generation, in one transaction with everything until commit().
  void begin(std::int64_t generation);
  // Durable when it returns; counts once the manifest has it.
  void commit();
  // What went is kept until the manifest has the generation that it went with. Nothing of it is
  // left then.
  void forget_gone();
  // What was written since begin() is gone.
  void abandon() noexcept;

  [[nodiscard]] std::optional<KnownSession> session(const std::string& id) const;
  // Its key. What is known already is replaced.
  std::int64_t put_session(const Kin& kin, const std::string& digest, const std::string& rejected,
                           const std::string& store);
  // Whether a session waits for this parent.
  [[nodiscard]] bool is_missed(const std::string& parent) const;
  // All are to be made into pairs anew; or those of which turns were rejected for this.
  void forget_digests();
  void forget_rejected(const std::string& reason);

  void put_rejections(std::int64_t session, const std::map<std::string, std::int64_t>& counts);

  // None with this content is there.
  void add(const IndexedPair& pair);
  // What is known now of the last word in it.
  void put_until(std::string_view digest, std::optional<Instant> until);
  [[nodiscard]] std::optional<IndexedPair> find(std::string_view digest) const;
  [[nodiscard]] std::vector<IndexedPair> pairs_of(std::int64_t session) const;
  // Sessions of which pairs came out, by their keys, after one of them.
  [[nodiscard]] std::vector<KnownSession> emitted_after(std::int64_t key, int limit) const;
  void remove(std::string_view digest);
  // All that stood in a file which is lost.
  void remove_file(std::int64_t file);

  struct Totals {
    std::int64_t sessions = 0, pairs = 0;
    std::map<std::string, std::int64_t> rejected;           // turns, by reason
    std::map<std::string, std::int64_t> rejected_sessions;  // whole ones, by reason
    std::map<std::string, std::int64_t> stores;             // sessions, by "kind folder"
  };
  [[nodiscard]] Totals totals() const;

 private:
  class Query;
  struct ReadOnly {};
  Index(const std::filesystem::path& path, std::int64_t generation, ReadOnly);
  void open(const std::filesystem::path& path);
  void connect(const std::filesystem::path& path, int flags);
  [[nodiscard]] std::int64_t number_in(const char* sql) const;
  void run(const char* sql) const;
  [[nodiscard]] Query& query(const char* sql) const;
  [[noreturn]] void fail(const std::string& doing) const;

  std::filesystem::path path_;
  std::shared_ptr<sqlite3> connection_;
  mutable std::map<const char*, std::unique_ptr<Query>> queries_;
  std::int64_t generation_ = 0;  // that is written, or as of which it is read
  bool usable_ = false;          // it was opened
};

}  // namespace provenance
