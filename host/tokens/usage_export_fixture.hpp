// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "base/fake_loop.hpp"
#include "base/file.hpp"
#include "base/json.hpp"
#include "base/test_folder.hpp"
#include "store/inline_store.hpp"
#include "tokens/ledger_sample.hpp"
#include "tokens/usage_export.hpp"

namespace host {

// An export of a ledger whose rows a test adds, into a file that it may do anything to.
class UsageExportTest : public ::testing::Test {
 protected:
  std::filesystem::path file() const { return folder_ / "token_usage.jsonl"; }
  std::string text() const {
    return std::filesystem::exists(file()) ? read_file(file(), 1 << 24) : "";
  }
  void put(const std::string& content) { std::ofstream(file(), std::ios::trunc) << content; }
  void append(const std::string& content) { std::ofstream(file(), std::ios::app) << content; }

  void start() {
    export_.reset();
    export_.emplace(store_, loop_, Log::to_memory(lines_), file());
    export_->start();
    loop_.drain();
  }
  void kill() { export_.reset(); }
  void commit(int rows) {
    for (int i = 0; i < rows; ++i) add_row(store_, {});
    if (export_) export_->rows_committed();
  }
  void settle() { loop_.advance(std::chrono::minutes(3)); }

  // Ids of whole lines of this host's, in the order of the file; -1 for each other line.
  std::vector<std::int64_t> ids(const std::string& content) const {
    std::vector<std::int64_t> all;
    std::istringstream lines(content);
    for (std::string line; std::getline(lines, line);) {
      const auto json = Json::parse(line, nullptr, false);
      all.push_back(json.is_object() ? json.value("id", -1) : -1);
    }
    return all;
  }
  std::vector<std::int64_t> ids() const { return ids(text()); }

  std::string note() {
    return store_.run_now([](Unit& unit) {
      auto& row = unit.prepare("SELECT value FROM settings WHERE key = 'token_usage_export'");
      return row.step() ? row.string(0) : std::string();
    });
  }
  // As the settings are between what is noted before a write and its end.
  void unsettle(std::int64_t through, std::int64_t writing) {
    struct stat info {};
    ASSERT_EQ(::stat(file().c_str(), &info), 0);
    const Json value{{"through", through},
                     {"writing", writing},
                     {"device", info.st_dev},
                     {"inode", info.st_ino}};
    store_.run_now([value = to_text(value)](Unit& unit) {
      unit.run("UPDATE settings SET value = ? WHERE key = 'token_usage_export'", value);
    });
  }

  TestFolder folder_;
  FakeLoop loop_;
  InlineStore store_{loop_};
  std::shared_ptr<std::vector<std::string>> lines_ = std::make_shared<std::vector<std::string>>();
  std::optional<UsageExport> export_;
};

}  // namespace host
