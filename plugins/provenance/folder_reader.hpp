// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "file_bytes.hpp"
#include "pass.hpp"
#include "reading.hpp"
#include "row_hash.hpp"

namespace provenance {

// A folder with a file for each session: `session_<id>.json` is a snapshot, another `<id>.jsonl` a
// transcript. Everything else in it is none, nor is what stands in its folders. A session's id is
// that of the file's name.
class FolderReader final : public Source {
 public:
  // `path` has no symbolic link in it.
  FolderReader(std::string path, const Caps& caps, std::function<bool()> is_cancelled = {});

  [[nodiscard]] std::string name() const override { return "folder:" + path_; }
  [[nodiscard]] std::string home() const override;
  [[nodiscard]] bool unchanged(const Cursor& cursor, Instant now) const override;
  void list(const std::function<void(std::string_view id)>& each) override;
  [[nodiscard]] Cursor read(const Cursor& since, Instant now, Taker& taker) override;
  [[nodiscard]] std::optional<Reading> find(const std::string& id, Instant now,
                                            std::size_t beyond) override;
  void close() override;

 private:
  struct Entry {
    std::string name;
    FileIdentity identity;
    std::uint64_t key = 0;  // by the name
  };
  struct Listing {
    FileIdentity folder;
    std::vector<Entry> entries;  // by key
  };

  [[nodiscard]] Listing look();
  [[nodiscard]] Cursor latest(const Listing& all);
  [[nodiscard]] const Listing& listing();
  [[nodiscard]] std::optional<Reading> read_file(const std::string& name, Instant now,
                                                 std::size_t beyond);
  void throw_if_cancelled() const;

  std::string path_;
  Caps caps_;
  std::function<bool()> is_cancelled_;
  RowHash hash_;
  std::optional<Listing> listing_;
};

}  // namespace provenance
