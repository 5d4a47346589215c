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
#include "base/utf8.hpp"

namespace host::deadman {
namespace {

constexpr int kVersion = 2;

std::string new_id() {
  std::array<unsigned char, 8> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw system_error("asking for random bytes");
  std::string text;
  for (const auto byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

Json to_json(const std::vector<Duration>& durations) {
  Json json = Json::array();
  for (const auto each : durations) json.push_back(each.count());
  return json;
}

Json to_json(const Telling& telling) {
  Json json{{"open", Json::array()},
            {"goes", to_json(telling.goes)},
            {"failures", telling.failures},
            {"failing_since", format_utc(telling.failing_since)}};
  for (const auto& each : telling.open)
    json["open"].push_back({{"event", name(each.event)}, {"text", each.text}, {"then", each.then}});
  return json;
}

Json to_json(const Target& target) {
  Json json{{"watch", target.watch},
            {"watched", target.watched},
            {"boot", target.silence.looked.boot},
            {"looked", target.silence.looked.at.count()},
            {"mark", target.silence.mark},
            {"gone", target.silence.gone},
            {"ever", target.silence.ever},
            {"silent", target.silence.silent.count()},
            {"excused", target.silence.excused.count()},
            {"excusing", target.silence.excusing},
            {"active", target.active},
            {"handed_off", target.handed_off},
            {"tries", target.tries},
            {"failed", target.failed},
            {"restarts", to_json(target.restarts)},
            {"beats", target.beats},
            {"well", target.well.count()},
            {"trouble", target.trouble},
            {"troubled", target.troubled.count()},
            {"trouble_told", target.trouble_told},
            {"trouble_pause", target.trouble_pause.count()},
            {"telling", to_json(target.telling)}};
  if (target.last_sign) json["last_sign"] = format_utc(*target.last_sign);
  if (target.intent) json["intent"] = format_utc(target.intent->at);
  if (target.unwatched) json["unwatched"] = target.unwatched->count();
  return json;
}

Duration duration_of(const Json& json) {
  const Duration duration(json.get<std::int64_t>());
  if (duration < Duration::zero()) throw Error(Code::corrupt, "a duration is negative");
  return duration;
}

std::vector<Duration> durations_of(const Json& json) {
  std::vector<Duration> durations;
  for (const auto& each : json) durations.push_back(duration_of(each));
  return durations;
}

int count_of(const Json& json) {
  const auto count = json.get<std::int64_t>();
  if (count < 0 || count > 1'000'000) throw Error(Code::corrupt, "a count is out of range");
  return static_cast<int>(count);
}

WallTime time_of(const Json& json) { return parse_utc(json.get<std::string>()); }
Event event_of(const Json& json) { return event_named(json.get<std::string>()); }

Telling telling_of(const Json& json) {
  Telling telling{.goes = durations_of(json.at("goes")),
                  .failures = count_of(json.at("failures")),
                  .failing_since = time_of(json.at("failing_since"))};
  for (const auto& each : json.at("open"))
    telling.open.push_back({event_of(each.at("event")), each.at("text").get<std::string>(),
                            each.at("then").get<std::string>()});
  return telling;
}

Target target_of(const Json& json) {
  Target target{.watch = json.value("watch", ""),
                .watched = json.at("watched").get<std::string>(),
                .active = json.at("active").get<bool>(),
                .handed_off = json.at("handed_off").get<bool>(),
                .tries = count_of(json.at("tries")),
                .failed = count_of(json.at("failed")),
                .restarts = durations_of(json.at("restarts")),
                .beats = json.at("beats").get<bool>(),
                .well = duration_of(json.at("well")),
                .trouble = json.at("trouble").get<std::string>(),
                .troubled = duration_of(json.at("troubled")),
                .trouble_told = json.at("trouble_told").get<bool>(),
                .trouble_pause = duration_of(json.at("trouble_pause")),
                .telling = telling_of(json.at("telling"))};
  target.silence = {.looked = {json.at("boot").get<std::string>(), duration_of(json.at("looked"))},
                    .mark = json.at("mark").get<std::string>(),
                    .gone = json.at("gone").get<bool>(),
                    .ever = json.at("ever").get<bool>(),
                    .silent = duration_of(json.at("silent")),
                    .excused = duration_of(json.value("excused", Json(0))),
                    .excusing = json.value("excusing", false)};
  if (json.contains("last_sign")) target.last_sign = time_of(json.at("last_sign"));
  if (json.contains("intent")) target.intent = Intent{time_of(json.at("intent"))};
  if (json.contains("unwatched")) target.unwatched = duration_of(json.at("unwatched"));
  return target;
}

Record record_of(const Json& json) {
  return {.number = json.at("number").get<std::int64_t>(),
          .at = time_of(json.at("at")),
          .target = json.at("target").get<std::string>(),
          .event = event_of(json.at("event")),
          .text = json.at("text").get<std::string>(),
          .evidence = json.at("evidence")};
}

std::size_t size_of(const Record& record) {
  return host::to_text(host::deadman::to_json(record)).size();
}

State state_of(const Json& json) {
  const auto version = json.at("version").get<int>();
  if (version < kVersion)
    throw Error(Code::corrupt, fmt::format("it is of version {}, which no release wrote", version));
  if (version > kVersion)
    throw Error(Code::unsupported,
                fmt::format("the deadman's state is of version {}, this timmy-host knows {}",
                            version, kVersion),
                "Use the timmy-host that wrote it, or a later one.");
  State state{.id = json.at("id").get<std::string>(),
              .last_record = json.at("last_record").get<std::int64_t>()};
  if (json.contains("kept_up"))
    state.kept_up = {json.at("kept_up").at("boot").get<std::string>(),
                     duration_of(json.at("kept_up").at("at"))};
  for (const auto& [name, target] : json.at("targets").items())
    state.targets[name] = target_of(target);
  for (const auto& record : json.at("records")) {
    state.records.push_back(record_of(record));
    state.record_bytes += size_of(state.records.back());
  }
  return state;
}

}  // namespace

void State::add(Record record) {
  record.number = ++last_record;
  record_bytes += size_of(record);
  records.push_back(std::move(record));
  while (records.size() > kMostRecords || (record_bytes > kRecordBytes && records.size() > 1)) {
    record_bytes -= size_of(records.front());
    records.pop_front();
  }
}

Target& State::target(const Watch& watch) {
  Target& target = targets[subject(watch)];
  target.watch = watch.name;
  return target;
}

const Target* State::find(const Watch& watch) const {
  const auto found = targets.find(subject(watch));
  return found == targets.end() ? nullptr : &found->second;
}

std::string lasting(std::string text) {
  cut_text(text, kLongestMark);
  return Json::parse(host::to_text(Json(text))).get<std::string>();
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
            {"kept_up", {{"boot", state.kept_up.boot}, {"at", state.kept_up.at.count()}}},
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

State StateFile::load(const Settings& all, WallTime now) {
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
    const auto text = error.message() + "; hands off until it is cleared";
    for (const auto& watch : all.watches) {
      // Under its name, or an edit of its `restart` would put hands on again.
      Target& target = state.targets[subject(watch)] = target_of_unknown_past(text);
      target.watch = watch.name;
      state.add({.at = now,
                 .target = watch.name,
                 .event = Event::state_lost,
                 .text = text,
                 .evidence = {{"set_aside", aside}}});
    }
  }
  save(state);
  return state;
}

void StateFile::save(const State& state) {
  const auto text = to_text(state);
  if (text.size() > kStateBytes)
    throw Error(Code::too_large,
                fmt::format("what the deadman would keep in {} is larger than {} bytes",
                            file_.string(), kStateBytes),
                "Nothing more is kept or done. Take watches out of deadman.yaml, or shorten what "
                "they name; or move the file away, and what was known of all of them is gone.");
  write_atomically(file_, text, 0600);
}

}  // namespace host::deadman
