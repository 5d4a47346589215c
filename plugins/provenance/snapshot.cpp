// SPDX-License-Identifier: Apache-2.0
#include "snapshot.hpp"

#include <cerrno>
#include <charconv>
#include <cstring>

#include "session_record.hpp"

namespace provenance {
namespace {

// How many messages it says it has, as Hermes writes it. At the start of a line stands no text of
// another: in JSON a text has no line feed, and what is nested deeper is indented further.
std::optional<std::size_t> claimed_count(std::string_view json) {
  constexpr std::string_view kLine = "\n  \"message_count\": ";
  const auto at = json.find(kLine);
  if (at == json.npos) return std::nullopt;
  std::size_t count = 0;
  const char* const digits = json.data() + at + kLine.size();
  const auto [end, error] = std::from_chars(digits, json.data() + json.size(), count);
  return error == std::errc() ? std::optional(count) : std::nullopt;
}

}  // namespace

std::optional<Reading> read_snapshot(const OpenFile& file, const std::string& id,
                                     const std::string& path, const Caps& caps, RowHash& hash,
                                     std::size_t beyond) {
  Reading reading;
  const auto bytes = bytes_of(file, caps.record);
  if (!bytes && errno != EFBIG)
    throw Unreadable(path + " can't be read: " + std::strerror(errno) +
                     ": it is read with the next run");
  if (bytes && beyond > 0) {
    const auto count = claimed_count(*bytes);
    if (count && *count <= beyond) return std::nullopt;
  }
  bool read = false;
  if (bytes) read = read_record(*bytes, "", caps, hash, reading);
  auto& session = reading.session;
  if (!read) {
    reading.rows = 0;
    session.messages.clear();
    reading.own = hash.raw(bytes ? std::string_view(*bytes) : std::string_view()).hex();
  }
  if (!bytes) note_damage(session, "/", "has more than " + std::to_string(caps.record) + " bytes");
  if (!session.id.empty() && session.id != id)
    note_damage(session, "/session_id", "is not the one of the file's name");
  session.id = id;
  session.store = {Store::Kind::snapshot, path};
  return reading;
}

}  // namespace provenance
