// SPDX-License-Identifier: Apache-2.0
#include "store/unit.hpp"

#include <sqlite3.h>

#include <cstring>

namespace host {

Statement& Unit::prepare(std::string_view sql) {
  Statement& statement = find(sql);
  statement.reset();
  statement.clear_bindings();
  used_.push_back(&statement);
  return statement;
}

Statement& Unit::find(std::string_view sql) {
  // Literals live at one address, so this is nearly always one comparison of known bytes.
  Slot& slot = recent_[(reinterpret_cast<std::uintptr_t>(sql.data()) >> 3) % recent_.size()];
  if (slot.text == sql.data() && slot.statement->sql() == sql) return *slot.statement;
  const auto found = statements_.find(sql);
  Statement* statement = nullptr;
  if (found != statements_.end()) {
    statement = found->second.get();
  } else {
    auto made = std::make_unique<Statement>(connection_->handle(), sql);
    statement = made.get();
    statements_.emplace(made->sql(), std::move(made));
  }
  slot = {sql.data(), statement};
  return *statement;
}

std::int64_t Unit::changes() const { return sqlite3_changes64(connection_->handle()); }
std::int64_t Unit::last_rowid() const { return sqlite3_last_insert_rowid(connection_->handle()); }

void Unit::end_operation() noexcept {
  for (Statement* const statement : used_) statement->reset();
  used_.clear();
}

}  // namespace host
