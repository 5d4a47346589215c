// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "database_file.hpp"
#include "database_rows.hpp"
#include "pass.hpp"
#include "reading.hpp"

namespace provenance {

// A state.db of Hermes, of schemas 6 to 30 and those that only add columns. Each session is read in
// a transaction of its own, which ends before the session is handed over.
class DatabaseReader final : public Source {
 public:
  // `path` has no symbolic link in it. It is opened when something is asked that looks don't tell.
  // `run`: whose own store it is; empty: nobody's.
  DatabaseReader(std::string path, const Caps& caps, std::function<bool()> is_cancelled = {},
                 std::string run = {});

  [[nodiscard]] std::string name() const override { return "database:" + path_; }
  [[nodiscard]] bool is_database() const override { return true; }
  [[nodiscard]] Owner owner() const override { return run_.empty() ? Owner::home : Owner::run; }
  [[nodiscard]] std::string home() const override;
  [[nodiscard]] bool unchanged(const Cursor& cursor, Instant now) const override;
  void list(const std::function<void(std::string_view id)>& each) override;
  [[nodiscard]] Cursor read(const Cursor& since, Instant now, Taker& taker) override;
  [[nodiscard]] std::optional<Reading> find(const std::string& id, Instant now,
                                            std::size_t beyond) override;
  void close() override;

  // How the options of the file are, for tests of what fails.
  DatabaseFile::Options options;

 private:
  template <class Do>
  auto guarded(Do&& what);
  // In one state of the file, tried again where the disk failed.
  template <class Do>
  auto in_one_state(Do&& what);
  void must_be_open();
  [[nodiscard]] Cursor read_changed(const Cursor& since, Instant now, Taker& taker);
  enum class Of { row, messages };
  [[nodiscard]] std::optional<SessionRow> next(std::int64_t row, std::int64_t last, Instant now,
                                               Of what);
  void look_at_all(Pass& pass, std::int64_t last_row, Instant now);
  void hand_over(Pass& pass, std::int64_t last_row, Instant now, Taker& taker);
  void must_be_intact() const;

  std::string path_;
  Caps caps_;
  std::string run_;
  std::optional<DatabaseFile> file_;
  std::optional<DatabaseRows> rows_;
};

}  // namespace provenance
