// SPDX-License-Identifier: Apache-2.0
#include "transcript.hpp"

#include <algorithm>

#include "message_members.hpp"

namespace provenance {
namespace {

class Line final : public JsonVisitor {
 public:
  void inner(const std::string& key, JsonValue& value) override { members.take(key, value); }
  void inner_end(std::string_view) override {}
  MessageMembers members;
};

std::string_view trimmed(std::string_view line) {
  constexpr std::string_view kSpace = " \t\r";
  const auto first = line.find_first_not_of(kSpace);
  if (first == line.npos) return {};
  return line.substr(first, line.find_last_not_of(kSpace) - first + 1);
}

std::string own(Session& session, const std::string& place, std::string_view text) {
  return clean_text(session, place, "it", own_text(session, place, "", text));
}

bool may_have_more(const OpenFile& file, std::size_t beyond) {
  if (beyond == 0) return true;
  const auto identity = file.identity();
  constexpr std::int64_t kShortest = 16;  // {"role":"user"} and a line feed
  return identity && identity->size / kShortest > static_cast<std::int64_t>(beyond);
}

}  // namespace

std::optional<Reading> read_transcript(const OpenFile& file, const std::string& id,
                                       const std::string& path, const Caps& caps, RowHash& hash,
                                       std::size_t beyond) {
  if (!may_have_more(file, beyond)) return std::nullopt;
  Reading reading;
  auto& session = reading.session;
  session.id = id;
  session.store = {Store::Kind::transcript, path};
  Conversation conversation(caps, reading);
  std::string meta;
  LineReader lines(file, caps.row);
  while (!conversation.is_full() && lines.next()) {
    const auto anchor = "line:" + std::to_string(lines.number());
    if (lines.is_too_long()) {
      conversation.note(anchor, "has more than " + std::to_string(caps.row) + " bytes");
      continue;
    }
    const auto text = trimmed(lines.line());
    if (text.empty()) continue;
    Line line;
    if (const auto wrong = walk_json(text, JsonShape::object, line); !wrong.empty()) {
      if (lines.is_whole()) conversation.note(anchor, wrong);
      continue;
    }
    if (line.members.role() == "session_meta") {
      session.model = own(session, anchor + "/model", line.members.model());
      session.source = own(session, anchor + "/platform", line.members.platform());
      meta = text;
      continue;
    }
    if (conversation.add(line.members.message(anchor, text, hash)) &&
        !line.members.trouble().empty())
      conversation.remark(anchor, line.members.trouble());
  }
  if (lines.has_failed())
    throw Unreadable(path + " can't be read from line " + std::to_string(lines.number() + 1) +
                     " on: it is read with the next run");
  conversation.finish();
  session.tokens.known = session.messages.empty();
  if (!session.messages.empty()) session.started = session.messages.front().at;
  reading.own = hash.raw(meta).hex();
  return reading;
}

}  // namespace provenance
