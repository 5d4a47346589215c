// SPDX-License-Identifier: Apache-2.0
#include "dispatch/continuity.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/plural.hpp"
#include "dispatch/template_quote.hpp"

namespace host::dispatch {
namespace {

constexpr std::size_t kMostBytes = std::size_t{8} << 20;
constexpr int kTries = 5;  // when somebody else writes to the note meanwhile

std::string quoted(const std::string& text) { return quote_line(text, TemplatePlace::body); }

std::string line_of(const Item& item, WallTime now) {
  std::string line = fmt::format("- {} {}, item {} by {}", item.subject(), quoted(item.title),
                                 item.id.value(), item.playbook);
  if (!item.lane.empty()) line += fmt::format(" in lane {}", item.lane);
  line += fmt::format(": {} at {}", name(item.at.state), name(item.at.gate));
  if (!item.reason.empty()) line += ", " + quoted(item.reason);
  if (item.at.state == ItemState::waiting && item.due > now)
    line += fmt::format(", until {}", format_utc(item.due));
  line += ".";
  if (item.runs > 0)
    line += fmt::format(" {} used up, {} tokens spent, last run {}{}.",
                        plural(static_cast<std::uint64_t>(item.attempts), "attempt"), item.tokens,
                        item.run, item.run_open ? ", which has not been judged" : "");
  if (!item.head.empty())
    line += fmt::format(" Its work: {} on {}{}.", item.head, item.branch,
                        item.pushed.empty() ? ", not pushed" : ", pushed");
  if (item.pull != 0) line += fmt::format(" Its pull request: {}.", item.pull);
  return line;
}

struct Note {
  std::string text;
  bool there = false;
  struct stat seen {};
};

Note read_note(const std::filesystem::path& file) {
  Note note;
  if (::lstat(file.c_str(), &note.seen) != 0) {
    if (errno == ENOENT) return note;
    throw system_error("look at " + file.string());
  }
  if (!S_ISREG(note.seen.st_mode))
    throw Error(Code::denied, file.string() + " is no regular file", "Move it away.");
  note.there = true;
  note.text = read_file(file, kMostBytes);
  return note;
}

bool unchanged(const std::filesystem::path& file, const Note& note) {
  struct stat now {};
  if (::lstat(file.c_str(), &now) != 0) return !note.there && errno == ENOENT;
  return note.there && now.st_ino == note.seen.st_ino && now.st_size == note.seen.st_size &&
         now.st_mtim.tv_sec == note.seen.st_mtim.tv_sec &&
         now.st_mtim.tv_nsec == note.seen.st_mtim.tv_nsec;
}

}  // namespace

std::string continuity_entry(const ContinuityNote& note, WallTime now, const Zone& zone) {
  const auto count = note.items.size();
  std::string text = fmt::format(
      "## {} {}, timmy-host on {}: {} ({})\n\n", format_local(now, zone).substr(11, 5), zone.name(),
      note.host, count == 0 ? "nothing in hand" : plural(count, "item") + " in hand",
      note.occasion);
  for (const auto& item : note.items) text += line_of(item, now) + "\n";
  if (count != 0) text += "\n";
  return text;
}

std::filesystem::path flush_continuity(const std::filesystem::path& folder,
                                       const ContinuityNote& note, WallTime now, const Zone& zone) {
  const auto day = format_local(now, zone).substr(0, 10);
  const auto file = folder / (day + ".md");
  const auto entry = continuity_entry(note, now, zone);
  make_directories(folder, 0700);
  for (int tries = 1;; ++tries) {
    auto before = read_note(file);
    std::string text = before.there ? std::move(before.text) : fmt::format("# {}\n\n", day);
    if (!text.empty() && text.back() != '\n') text += '\n';
    text += entry;
    if (text.size() > kMostBytes)
      throw Error(Code::too_large, fmt::format("{} would be over 8 MiB", file.string()),
                  "Move it away.");
    if (tries < kTries && !unchanged(file, before)) continue;
    write_atomically(file, text, before.there ? before.seen.st_mode & 0777U : 0600U);
    return file;
  }
}

}  // namespace host::dispatch
