// SPDX-License-Identifier: Apache-2.0
#include "reading.hpp"

#include "clean_text.hpp"
#include "row_hash.hpp"

namespace provenance {
namespace {

constexpr std::size_t kNotesCap = 20;
constexpr std::size_t kLongestOwnText = 64u << 10;

void note(std::vector<std::string>& notes, const std::string& place, const std::string& what) {
  if (notes.size() < kNotesCap)
    notes.push_back(place + ": " + what);
  else if (notes.size() == kNotesCap)
    notes.emplace_back("and more");
}

}  // namespace

std::optional<Instant> live_until(std::optional<Instant> last, Instant now) {
  if (!last || *last + kLiveFor <= now || *last > now + kLiveFor) return std::nullopt;
  return *last + kLiveFor;
}

void seal(Reading& reading) {
  RowHash hash;
  hash.raw(reading.own).raw("\n");
  for (const auto& message : reading.session.messages) hash.raw(message.digest).raw("\n");
  reading.session.digest = hash.hex();
}

void note_damage(Session& session, const std::string& place, const std::string& what) {
  note(session.damaged, place, what);
}

void remark(Session& session, const std::string& place, const std::string& what) {
  note(session.remarks, place, what);
}

std::string clean_text(Session& session, const std::string& place, const char* what,
                       std::string_view bytes) {
  if (is_clean(bytes)) return std::string(bytes);
  if (is_utf8(bytes))
    remark(session, place, std::string(what) + " has a NUL");
  else
    note_damage(session, place, std::string(what) + " has bytes that are no UTF-8");
  return cleaned(bytes);
}

std::string_view own_text(Session& session, std::string_view place, std::string_view what,
                          std::string_view bytes) {
  if (bytes.size() <= kLongestOwnText) return bytes;
  note_damage(session, std::string(place).append(what),
              "is cut: it has more than " + std::to_string(kLongestOwnText) + " bytes");
  return bytes.substr(0, kLongestOwnText);
}

}  // namespace provenance
