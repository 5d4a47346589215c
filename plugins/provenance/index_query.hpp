// SPDX-License-Identifier: Apache-2.0
//
// What is asked of the index's database, for the two halves of index.hpp.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "index.hpp"

namespace provenance {

// A prepared statement. Its texts are borrowed until the next begin().
class Index::Query {
 public:
  Query(const Index& index, const char* sql) : index_(&index) {
    if (sqlite3_prepare_v3(index.connection_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement_,
                           nullptr) != SQLITE_OK)
      index.fail("prepare a query");
  }
  ~Query() { sqlite3_finalize(statement_); }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  Query& begin() {
    sqlite3_reset(statement_);
    at_ = 0;
    return *this;
  }
  Query& bind(std::int64_t number) {
    sqlite3_bind_int64(statement_, ++at_, number);
    return *this;
  }
  Query& bind(std::optional<std::int64_t> number) {
    if (number) return bind(*number);
    sqlite3_bind_null(statement_, ++at_);
    return *this;
  }
  Query& bind(const std::string& text) {
    sqlite3_bind_text(statement_, ++at_, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
    return *this;
  }
  Query& bind_bytes(std::string_view bytes) {
    sqlite3_bind_blob(statement_, ++at_, bytes.data(), static_cast<int>(bytes.size()),
                      SQLITE_STATIC);
    return *this;
  }
  // Whether there is a row.
  bool step() {
    const int result = sqlite3_step(statement_);
    if (result == SQLITE_ROW) return true;
    if (result == SQLITE_DONE) {
      sqlite3_reset(statement_);
      return false;
    }
    index_->fail("read or write");
  }
  [[nodiscard]] std::int64_t number(int column) const {
    return sqlite3_column_int64(statement_, column);
  }
  [[nodiscard]] std::string text(int column) const {
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return bytes == nullptr ? std::string() : std::string(bytes, size);
  }
  [[nodiscard]] std::optional<Instant> instant(int column) const {
    if (sqlite3_column_type(statement_, column) == SQLITE_NULL) return std::nullopt;
    return Instant(std::chrono::microseconds(number(column)));
  }

 private:
  const Index* index_;
  sqlite3_stmt* statement_ = nullptr;
  int at_ = 0;
};

}  // namespace provenance
