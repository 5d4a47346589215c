// SPDX-License-Identifier: Apache-2.0
//
// What the deadman keeps between looks: a small JSON file, replaced as a whole, with its own lock.
// It needs neither the host nor its database. What happened stands in it as records, each with a
// number, so that it is written in the one step with what it changed and can be taken over
// elsewhere once.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.hpp"
#include "base/json.hpp"
#include "deadman/settings.hpp"
#include "deadman/target.hpp"

namespace host::deadman {

inline constexpr std::size_t kStateBytes = std::size_t{4} << 20;
inline constexpr std::size_t kMostRecords = 500;
inline constexpr std::size_t kRecordBytes = std::size_t{1} << 20;  // of all of them, as text

struct Record {
  std::int64_t number = 0;  // 1, 2, ... within one State::id
  WallTime at;
  std::string target;
  Event event = Event::died;
  std::string text;
  Json evidence = Json::object();  // what was seen and decided on
};

struct State {
  std::string id;  // made with the file: numbers are unique within it
  std::int64_t last_record = 0;
  std::map<std::string, Target> targets;  // by subject()
  std::deque<Record> records;             // the last ones, oldest first: see kMostRecords
  std::size_t record_bytes = 0;           // of these, as text
  Moment kept_up;                         // when it was last brought into line with deadman.yaml

  void add(Record record);
  // Made, where nothing is kept of it yet; under the watch's name from now on.
  [[nodiscard]] Target& target(const Watch& watch);
  [[nodiscard]] const Target* find(const Watch& watch) const;
};

// The text as it comes back from the file, where bytes that are no UTF-8 don't last, cut to what is
// kept of one: else it would differ from itself at each look.
[[nodiscard]] std::string lasting(std::string text);

[[nodiscard]] Json to_json(const Record& record);
[[nodiscard]] std::string to_text(const State& state);
// Throws Error{corrupt} when the text is no state, is damaged, or an earlier version wrote it;
// {unsupported} when a later one did.
[[nodiscard]] State parse_state(std::string_view text);

// Reads the file; an empty State where there is none. Throws Error{denied} where others could have
// written it, or it is a symbolic link; what parse_state() throws; {io}.
[[nodiscard]] State read_state(const std::filesystem::path& file);

// The state in the hands of one process at a time.
class StateFile {
 public:
  // Makes the folder (0700) if need be and takes the lock beside the file. Throws
  // Error{already_running} naming the process that has it. Not twice in one process, whose own
  // locks don't exclude each other.
  explicit StateFile(std::filesystem::path file);

  // What is kept. A damaged file is set aside as FILE.damaged, and hands are off for each watch of
  // `all`, since nobody knows how often they were restarted; that is recorded and kept.
  [[nodiscard]] State load(const Settings& all, WallTime now);

  // When this returns it is on the disk, whole; when it throws Error, the old one is. {too_large}
  // for more than kStateBytes, which could not be read again.
  void save(const State& state);

 private:
  std::filesystem::path file_;
  Fd lock_;
};

}  // namespace host::deadman
