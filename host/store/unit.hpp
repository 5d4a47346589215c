// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "store/connection.hpp"

namespace host {

// A unit of work: one operation inside the group's transaction. Handed to an operation by the
// store, on the store thread, for the length of that call. What the operation wrote is kept if it
// returns, undone if it throws; it is durable only once the store says so. Never BEGIN, COMMIT,
// ROLLBACK, ATTACH or change the schema through it.
class Unit {
 public:
  explicit Unit(Connection& connection) : connection_(&connection) {}
  Unit(const Unit&) = delete;
  Unit& operator=(const Unit&) = delete;

  // The statement with this text: compiled once, then cached; reset, without bindings. Cheapest
  // with a string literal. The same text is the same Statement: don't prepare it again while still
  // reading its rows. Reset by itself when the operation ends.
  [[nodiscard]] Statement& prepare(std::string_view sql);

  // prepare() and bind_all(), to read rows from.
  template <class... Args>
  [[nodiscard]] Statement& query(std::string_view sql, const Args&... args) {
    return prepare(sql).bind_all(args...);
  }
  // The same, run to its end.
  template <class... Args>
  void run(std::string_view sql, const Args&... args) {
    prepare(sql).bind_all(args...).run();
  }

  // Rows changed by the last INSERT, UPDATE or DELETE that ran to its end.
  [[nodiscard]] std::int64_t changes() const;
  // The rowid of the last INSERT that added a row.
  [[nodiscard]] std::int64_t last_rowid() const;

  // For the store: resets what the operation left open.
  void end_operation() noexcept;

 private:
  struct Slot {
    const char* text = nullptr;
    Statement* statement = nullptr;
  };
  [[nodiscard]] Statement& find(std::string_view sql);

  Connection* connection_;
  std::unordered_map<std::string_view, std::unique_ptr<Statement>>
      statements_;                  // keys: their sql()
  std::array<Slot, 256> recent_{};  // by the address of the text, checked against it
  std::vector<Statement*> used_;    // in this operation
};

}  // namespace host
