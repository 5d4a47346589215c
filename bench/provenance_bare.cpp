// SPDX-License-Identifier: Apache-2.0
#include "provenance_bare.hpp"

#include <sqlite3.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/json.hpp"
#include "figure.hpp"

namespace bench {
namespace {

namespace fs = std::filesystem;

std::size_t parse(std::string_view text) {
  if (text.empty() || (text.front() != '{' && text.front() != '[')) return text.size();
  return host::Json::parse(text, nullptr, false).size();
}

std::size_t parse_database(const fs::path& path) {
  sqlite3* opened = nullptr;
  const auto uri = "file:" + path.string() + "?mode=ro&immutable=1";
  if (sqlite3_open_v2(uri.c_str(), &opened, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, nullptr) !=
      SQLITE_OK)
    throw host::Error(host::Code::io, "can't open " + path.string());
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> db(opened, &sqlite3_close_v2);
  sqlite3_stmt* made = nullptr;
  (void)sqlite3_prepare_v2(opened,
                           "SELECT content, tool_calls, role, tool_call_id, timestamp FROM messages"
                           " ORDER BY id",
                           -1, &made, nullptr);
  const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> row(made, &sqlite3_finalize);
  std::size_t sum = 0;
  while (sqlite3_step(made) == SQLITE_ROW)
    for (const int column : {0, 1}) {
      const auto* bytes = static_cast<const char*>(sqlite3_column_blob(made, column));
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(made, column));
      if (bytes != nullptr) sum += parse({bytes, size});
    }
  return sum;
}

}  // namespace

double parse_seconds(const fs::path& home) {
  const auto begin = std::chrono::steady_clock::now();
  std::size_t sum = parse_database(home / "state.db");
  for (const auto& entry : fs::directory_iterator(home / "sessions"))
    sum += parse(host::read_file(entry.path(), 64 << 20));
  if (sum == 0) throw host::Error(host::Code::internal, "a home without sessions");
  return Seconds(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace bench
