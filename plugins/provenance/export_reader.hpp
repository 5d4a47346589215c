// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "file_bytes.hpp"
#include "reading.hpp"
#include "record_reader.hpp"
#include "row_hash.hpp"

namespace provenance {

// A file of `hermes sessions export`, a session a record. It is read anew as a whole when it is
// another one. Where a session is in it twice, both are handed over, and the last one is found.
class ExportReader final : public Source {
 public:
  // `path` has no symbolic link in it.
  ExportReader(std::string path, const Caps& caps, std::function<bool()> is_cancelled = {});

  [[nodiscard]] std::string name() const override { return "export:" + path_; }
  [[nodiscard]] Owner owner() const override { return Owner::unknown; }
  [[nodiscard]] bool unchanged(const Cursor& cursor, Instant now) const override;
  void list(const std::function<void(std::string_view id)>& each) override;
  [[nodiscard]] Cursor read(const Cursor& since, Instant now, Taker& taker) override;
  [[nodiscard]] std::optional<Reading> find(const std::string& id, Instant now,
                                            std::size_t beyond) override;
  void close() override;

 private:
  struct Place {
    std::size_t offset = 0, line = 0;
  };

  [[nodiscard]] OpenFile open() const;
  [[nodiscard]] const std::unordered_map<std::uint64_t, Place>& index();
  [[nodiscard]] Reading read_one(std::string_view json, std::size_t line, Instant now);
  void throw_if_cancelled() const;
  void must_be_whole(const RecordReader& records) const;

  std::string path_;
  Caps caps_;
  std::function<bool()> is_cancelled_;
  RowHash hash_;
  std::optional<std::unordered_map<std::uint64_t, Place>> index_;  // by hash of the id
};

}  // namespace provenance
