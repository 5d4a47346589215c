// SPDX-License-Identifier: Apache-2.0
#include "deadman/state.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/error.hpp"

namespace host::deadman {
namespace {

constexpr int kVersion = 1;

std::string new_id() {
  std::array<unsigned char, 8> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw system_error("asking for random bytes");
  std::string text;
  for (const auto byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

Json to_json(const Target& target) {
  Json json{{"boot", target.silence.looked.boot},
            {"looked", target.silence.looked.at.count()},
            {"mark", target.silence.mark},
            {"gone", target.silence.gone},
            {"ever", target.silence.ever},
            {"silent", target.silence.silent.count()},
            {"active", target.active},
            {"handed_off", target.handed_off},
            {"tries", target.tries},
            {"restarts", Json::array()},
            {"beats", target.beats},
            {"well", target.well.count()},
            {"trouble", target.trouble}};
  for (const auto each : target.restarts) json["restarts"].push_back(each.count());
  if (target.intent) json["intent"] = format_utc(target.intent->at);
  if (target.alert)
    json["alert"] = {{"event", name(target.alert->event)},
                     {"text", target.alert->text},
                     {"failures", target.alert->failures}};
  return json;
}

Event event_of(const Json& json) {
  const auto text = json.get<std::string>();
  for (int each = 0; each <= static_cast<int>(Event::state_lost); ++each)
    if (name(static_cast<Event>(each)) == text) return static_cast<Event>(each);
  throw Error(Code::corrupt, "\"" + text + "\" is no event");
}

Duration duration_of(const Json& json) {
  const Duration duration(json.get<std::int64_t>());
  if (duration < Duration::zero()) throw Error(Code::corrupt, "a duration is negative");
  return duration;
}

int count_of(const Json& json) {
  const auto count = json.get<std::int64_t>();
  if (count < 0 || count > 1'000'000) throw Error(Code::corrupt, "a count is out of range");
  return static_cast<int>(count);
}

Target target_of(const Json& json) {
  Target target;
  target.silence = {.looked = {json.at("boot").get<std::string>(), duration_of(json.at("looked"))},
                    .mark = json.at("mark").get<std::string>(),
                    .gone = json.value("gone", false),
                    .ever = json.at("ever").get<bool>(),
                    .silent = duration_of(json.at("silent"))};
  target.active = json.at("active").get<bool>();
  target.handed_off = json.at("handed_off").get<bool>();
  target.tries = count_of(json.at("tries"));
  for (const auto& each : json.at("restarts")) target.restarts.push_back(duration_of(each));
  target.beats = json.at("beats").get<bool>();
  target.well = duration_of(json.at("well"));
  target.trouble = json.at("trouble").get<std::string>();
  if (json.contains("intent"))
    target.intent = Intent{parse_utc(json.at("intent").get<std::string>())};
  if (json.contains("alert"))
    target.alert = Alert{event_of(json.at("alert").at("event")),
                         json.at("alert").at("text").get<std::string>(),
                         count_of(json.at("alert").at("failures"))};
  return target;
}

Record record_of(const Json& json) {
  return {.number = json.at("number").get<std::int64_t>(),
          .at = parse_utc(json.at("at").get<std::string>()),
          .target = json.at("target").get<std::string>(),
          .event = event_of(json.at("event")),
          .text = json.at("text").get<std::string>(),
          .evidence = json.at("evidence")};
}

State state_of(const Json& json) {
  if (const auto version = json.at("version").get<int>(); version > kVersion)
    throw Error(Code::unsupported,
                fmt::format("the deadman's state is of version {}, this timmy-host knows {}",
                            version, kVersion),
                "Use the timmy-host that wrote it, or a later one.");
  State state{.id = json.at("id").get<std::string>(),
              .last_record = json.at("last_record").get<std::int64_t>()};
  for (const auto& [name, target] : json.at("targets").items())
    state.targets[name] = target_of(target);
  for (const auto& record : json.at("records")) state.records.push_back(record_of(record));
  return state;
}

}  // namespace

void State::add(Record record) {
  record.number = ++last_record;
  records.push_back(std::move(record));
  while (records.size() > kMostRecords) records.pop_front();
}

Json to_json(const Record& record) {
  return {{"number", record.number}, {"at", format_utc(record.at)},
          {"target", record.target}, {"event", name(record.event)},
          {"text", record.text},     {"evidence", record.evidence}};
}

std::string to_text(const State& state) {
  Json json{{"version", kVersion},
            {"id", state.id},
            {"last_record", state.last_record},
            {"targets", Json::object()},
            {"records", Json::array()}};
  for (const auto& [name, target] : state.targets) json["targets"][name] = to_json(target);
  for (const auto& record : state.records) json["records"].push_back(to_json(record));
  return host::to_text(json) + "\n";
}

State parse_state(std::string_view text) {
  try {
    return state_of(parse_json(text, "the deadman's state"));
  } catch (const Error& error) {
    if (error.code() == Code::unsupported) throw;
    throw Error(Code::corrupt, "the deadman's state is damaged: " + error.message());
  } catch (const Json::exception& error) {
    throw Error(Code::corrupt, std::string("the deadman's state is damaged: ") + error.what());
  }
}

namespace {

// Opened and looked at, or no descriptor when there is no file.
Fd open_trusted(const std::filesystem::path& file) {
  Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!fd && errno == ENOENT) return fd;
  if (!fd && errno == ELOOP)
    throw Error(Code::denied, file.string() + " is a symbolic link",
                "Remove it: the deadman writes a regular file there.");
  if (!fd) throw system_error("opening " + file.string());
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) throw system_error("examining " + file.string());
  if (!S_ISREG(info.st_mode))
    throw Error(Code::denied, file.string() + " is not a regular file",
                "Remove it: the deadman writes a regular file there.");
  check_trusted(fd.get(), file, true);
  return fd;
}

}  // namespace

State read_state(const std::filesystem::path& file) {
  const Fd fd = open_trusted(file);
  if (!fd) return {};
  return parse_state(read_all(fd.get(), kStateBytes, file.string()));
}

StateFile::StateFile(std::filesystem::path file) : file_(std::move(file)) {
  make_directories(file_.parent_path(), 0700);
  const auto path = file_.string() + ".lock";
  lock_ = Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock_) throw system_error("opening " + path);
  // A record lock goes with this process, whatever ends it; no child has it.
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (::fcntl(lock_.get(), F_SETLK, &whole) == 0) return;
  if (errno != EACCES && errno != EAGAIN) throw system_error("locking " + path);
  (void)::fcntl(lock_.get(), F_GETLK, &whole);
  throw Error(Code::already_running,
              fmt::format("another deadman (pid {}) is at work on {}", whole.l_pid, file_.string()),
              "Nothing was done. Try again when it has ended.");
}

State StateFile::load(const std::vector<std::string>& names, WallTime now) {
  State state;
  try {
    state = read_state(file_);
    if (state.id.empty()) state.id = new_id();
    return state;
  } catch (const Error& error) {
    if (error.code() != Code::corrupt && error.code() != Code::too_large) throw;
    // A second name, not a rename: were this the end of us, the damaged one must still be there, or
    // the next one would begin with nothing and hands on.
    const auto aside = file_.string() + ".damaged";
    (void)::unlink(aside.c_str());
    if (::link(file_.c_str(), aside.c_str()) != 0)
      throw system_error("setting " + file_.string() + " aside");
    state.id = new_id();
    for (const auto& name : names) {
      Target& target = state.targets[name] = target_of_unknown_past();
      const auto text = error.message() + "; hands off until it is cleared";
      target.alert = Alert{Event::state_lost, text};
      state.add({.at = now,
                 .target = name,
                 .event = Event::state_lost,
                 .text = text,
                 .evidence = {{"set_aside", aside}}});
    }
  }
  save(state);
  return state;
}

void StateFile::save(const State& state) { write_atomically(file_, to_text(state), 0600); }

}  // namespace host::deadman
