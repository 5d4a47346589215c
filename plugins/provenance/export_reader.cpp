// SPDX-License-Identifier: Apache-2.0
#include "export_reader.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "json_walk.hpp"
#include "pass.hpp"
#include "session_record.hpp"

namespace provenance {
namespace {

// Only whose record it is, which stands at its beginning.
class Whose final : public JsonVisitor {
 public:
  void outer(const std::string& key, JsonValue& value) override {
    if (key == "id" && value.kind == JsonValue::Kind::string) id = std::move(value.text);
  }
  void inner(const std::string&, JsonValue&) override {}
  void inner_end(std::string_view) override {}
  [[nodiscard]] bool has_enough() const override { return !id.empty(); }
  std::string id;
};

std::string id_in(std::string_view json) {
  Whose whose;
  (void)walk_json(json, JsonShape::object_with_list, whose);
  return whose.id;
}

std::optional<Instant> live_until(const Session& session, Instant now) {
  if (session.ended || session.messages.empty()) return std::nullopt;
  return provenance::live_until(session.messages.back().at, now);
}

}  // namespace

ExportReader::ExportReader(std::string path, const Caps& caps, std::function<bool()> is_cancelled)
    : path_(std::move(path)), caps_(caps), is_cancelled_(std::move(is_cancelled)) {}

void ExportReader::throw_if_cancelled() const {
  if (is_cancelled_ && is_cancelled_()) throw Interrupted();
}

void ExportReader::must_be_whole(const RecordReader& records) const {
  if (records.has_failed()) throw Unreadable(path_ + " can't be read to its end");
}

void ExportReader::close() { index_.reset(); }

OpenFile ExportReader::open() const {
  auto file = OpenFile::in(AT_FDCWD, path_);
  if (!file)
    throw Unreadable(path_ + " can't be opened: " + std::strerror(errno) +
                     ": grant fs.read for it");
  return file;
}

bool ExportReader::unchanged(const Cursor& cursor, Instant now) const {
  if (!is_good_until(cursor, now) || cursor.contains("records")) return false;
  const auto then = FileIdentity::from(cursor.value("file", Cursor()));
  return then && FileIdentity::at(path_) == then;
}

const std::unordered_map<std::uint64_t, ExportReader::Place>& ExportReader::index() {
  if (index_) return *index_;
  const auto file = open();
  std::unordered_map<std::uint64_t, Place> places;
  RecordReader records(file, caps_.record);
  while (records.next()) {
    throw_if_cancelled();
    const auto id = id_in(records.text());
    if (!id.empty()) places[hash_.text(id).number()] = {records.offset(), records.line()};
  }
  must_be_whole(records);
  index_ = std::move(places);
  return *index_;
}

void ExportReader::list(const std::function<void(std::string_view id)>& each) {
  const auto file = open();
  RecordReader records(file, caps_.record);
  while (records.next()) {
    throw_if_cancelled();
    if (const auto id = id_in(records.text()); !id.empty()) each(id);
  }
  must_be_whole(records);
}

Reading ExportReader::read_one(std::string_view json, std::size_t line, Instant now) {
  Reading reading;
  auto& session = reading.session;
  session.store = {Store::Kind::export_, path_};
  if (!read_record(json, "line:" + std::to_string(line), caps_, hash_, reading)) {
    reading.rows = 0;
    session.messages.clear();
    reading.own = hash_.raw(json).hex();
  }
  session.live = live_until(session, now).has_value();
  seal(reading);
  return reading;
}

Cursor ExportReader::read(const Cursor& since, Instant now, Taker& taker) {
  const auto file = open();
  const auto identity = file.identity();
  if (!identity) throw Unreadable(path_ + " can't be looked at: " + std::strerror(errno));
  const bool goes_on = since.is_object() && since.contains("records") &&
                       since["records"].is_number_unsigned() &&
                       FileIdentity::from(since.value("file", Cursor())) == identity;
  const std::size_t before = goes_on ? since["records"].get<std::size_t>() : 0;
  std::optional<Instant> until;
  std::size_t count = 0;
  RecordReader records(file, caps_.record);
  while (records.next()) {
    if (count++ < before) continue;
    throw_if_cancelled();
    const std::string place = path_ + ": line " + std::to_string(records.line());
    if (records.is_too_long()) {
      troubles.push_back(place + " is left out: the session has more than " +
                         std::to_string(caps_.record) + " bytes");
      continue;
    }
    auto reading = read_one(records.text(), records.line(), now);
    if (reading.session.id.empty()) {
      troubles.push_back(place + " is left out: it is no session of an export");
      continue;
    }
    if (reading.session.live)
      until = std::min(until.value_or(Instant::max()), *live_until(reading.session, now));
    if (taker.wants(reading.session.id)) taker.take(std::move(reading));
    if (taker.has_enough()) return {{"file", identity->json()}, {"records", count}};
  }
  must_be_whole(records);
  if (!identity->is_settled()) return nullptr;
  Cursor cursor{{"file", identity->json()}};
  if (until) cursor["until"] = until->time_since_epoch().count();
  return cursor;
}

std::optional<Reading> ExportReader::find(const std::string& id, Instant now, std::size_t) {
  const auto at = index().find(hash_.text(id).number());
  if (at == index().end()) return std::nullopt;
  const auto file = open();
  if (::lseek(file.get(), static_cast<off_t>(at->second.offset), SEEK_SET) < 0)
    throw Unreadable(path_ + " can't be read: " + std::strerror(errno));
  RecordReader records(file, caps_.record);
  if (!records.next()) {
    must_be_whole(records);
    return std::nullopt;
  }
  auto reading = read_one(records.text(), at->second.line, now);
  if (reading.session.id != id) return std::nullopt;
  return reading;
}

}  // namespace provenance
