// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <optional>

#include "base/error.hpp"
#include "base/zone.hpp"
#include "schedule/import.hpp"

namespace host {
namespace {

constexpr std::string_view kBlanks = " \t";
constexpr std::size_t kLabel = 60;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

void skip_blanks(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
}

// Takes the text up to the next blank, and the blanks after it.
std::string_view take_field(std::string_view& text) {
  const auto end = std::min(text.find_first_of(kBlanks), text.size());
  const auto field = text.substr(0, end);
  text.remove_prefix(end);
  skip_blanks(text);
  return field;
}

std::string_view unquoted(std::string_view text) {
  while (!text.empty() && kBlanks.find(text.back()) != kBlanks.npos) text.remove_suffix(1);
  if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
      text.back() == text.front())
    return text.substr(1, text.size() - 2);
  return text;
}

struct Variable {
  std::string_view name;
  std::string_view value;
};

// NAME=VALUE, with blanks around the sign and quotation marks around either.
std::optional<Variable> read_variable(std::string_view line) {
  const auto sign = line.find('=');
  if (sign == line.npos) return std::nullopt;
  const auto name = unquoted(line.substr(0, sign));
  if (name.empty() || is_digit(name.front())) return std::nullopt;
  for (const char c : name)
    if (!is_letter(c) && !is_digit(c)) return std::nullopt;
  auto value = line.substr(sign + 1);
  skip_blanks(value);
  return Variable{name, unquoted(value)};
}

// The first `%` ends the command; what follows is its input. `\%` is a percent sign.
std::string command_of(std::string_view text, bool& has_input) {
  std::string command;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == '%') continue;
    const bool escaped = i > 0 && text[i - 1] == '\\';
    if (text[i] == '%' && !escaped) {
      has_input = true;
      break;
    }
    command += text[i];
  }
  return command;
}

class CrontabReader {
 public:
  CrontabReader(std::string file, std::string zone)
      : file_(std::move(file)), zone_(std::move(zone)) {}

  void read(std::string_view line, int number) {
    where_ = file_ + ":" + std::to_string(number);
    if (line.ends_with('\r')) line.remove_suffix(1);
    skip_blanks(line);
    if (line.empty() || line.front() == '#') return;
    if (const auto variable = read_variable(line)) return set(*variable);
    // cronie: `-` before a line keeps it out of the system's log.
    if (line.front() == '-') line.remove_prefix(1);
    const char first = line.empty() ? '\0' : line.front();
    if (first == '@') return read_nickname(line);
    if (is_digit(first) || first == '*') return read_fields(line);
    wrong(line, "neither a schedule with a command, nor NAME=VALUE, nor a comment");
  }

  [[nodiscard]] std::vector<ImportEntry> entries() && { return std::move(entries_); }

 private:
  void set(const Variable& variable) {
    if (variable.name == "TZ") command_zone_ = variable.value;
    if (variable.name != "CRON_TZ") return;
    try {
      zone_ = Zone::load(variable.value).name();
    } catch (const Error& error) {
      wrong("CRON_TZ", error.message() + ". " + error.next_step());
    }
  }

  void read_nickname(std::string_view line) {
    const auto nickname = take_field(line);
    add(std::string(nickname), line);
  }

  void read_fields(std::string_view line) {
    const std::string_view whole = line;
    std::array<std::string_view, 5> fields;
    for (auto& field : fields) field = take_field(line);
    std::string schedule;
    for (const auto field : fields)
      if (!field.empty()) schedule.append(schedule.empty() ? "" : " ").append(field);
    if (fields[4].empty())
      return wrong(whole, "fewer than five fields: minute, hour, day, month, day of week");
    std::vector<std::string> notes;
    const auto &day = fields[2], &weekday = fields[4];
    // OCPS takes `*/2` for a restriction like any other, cron for a star.
    if ((day.starts_with("*/") && weekday != "*") || (weekday.starts_with("*/") && day != "*")) {
      schedule.insert(schedule.rfind(' ') + 1, "+");
      notes.emplace_back(
          "both day fields must match, as in cron when one begins with `*`: hence the `+`");
    }
    add(schedule, line, std::move(notes));
  }

  void add(std::string schedule, std::string_view rest, std::vector<std::string> notes = {}) {
    if (rest.empty()) return wrong(schedule, "no command after the schedule");
    bool has_input = false;
    const std::string command = command_of(rest, has_input);
    if (has_input) notes.emplace_back("the input after `%` is not passed on");
    if (!command_zone_.empty() && command_zone_ != zone_)
      notes.push_back("TZ is the command's alone: cron's schedule is in " + zone_);
    entries_.push_back({.where = where_,
                        .label = command.substr(0, kLabel),
                        .names = names_in_command(command),
                        .schedule = std::move(schedule),
                        .zone = zone_,
                        .advice = "keep the line in cron, or write a plugin for it",
                        .notes = std::move(notes)});
  }

  void wrong(std::string_view label, std::string reason) {
    entries_.push_back({.where = where_,
                        .label = std::string(label.substr(0, kLabel)),
                        .zone = zone_,
                        .left = std::move(reason),
                        .wrong = true});
  }

  std::string file_;
  std::string zone_;
  std::string command_zone_;
  std::string where_;
  std::vector<ImportEntry> entries_;
};

}  // namespace

std::vector<ImportEntry> read_crontab(std::string_view text, const std::string& file,
                                      const std::string& zone) {
  CrontabReader reader(file, zone);
  for (int number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    reader.read(text.substr(0, end), number);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::move(reader).entries();
}

}  // namespace host
