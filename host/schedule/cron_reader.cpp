// SPDX-License-Identifier: Apache-2.0
#include "schedule/cron_reader.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace host {
namespace {

constexpr std::size_t kLongest = 256;

constexpr std::array<std::string_view, 12> kMonths{"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                   "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr std::array<std::string_view, 7> kWeekdays{"SUN", "MON", "TUE", "WED",
                                                    "THU", "FRI", "SAT"};

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kNicknames{
    {{"@yearly", "0 0 1 1 *"},
     {"@annually", "0 0 1 1 *"},
     {"@monthly", "0 0 1 * *"},
     {"@weekly", "0 0 * * 0"},
     {"@daily", "0 0 * * *"},
     {"@midnight", "0 0 * * *"},
     {"@hourly", "0 * * * *"}}};

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

// For messages: short, and printable.
std::string shown(std::string_view text) {
  std::string out(text.substr(0, 80));
  for (char& c : out)
    if (c < ' ' || c == '\x7f') c = '?';
  return "\"" + out + (text.size() > 80 ? "...\"" : "\"");
}

}  // namespace

struct CronReader::Field {
  enum class Kind { minute, hour, day, month, weekday };
  Kind kind;
  std::string_view a_name;
  std::string_view expected;
  int low;
  int high;
  std::span<const std::string_view> names{};
};

struct CronReader::Item {
  std::size_t start = 0;
  int low = 0;
  int high = 0;
  int step = 1;
  bool star = false;     // * or ?
  bool stepped = false;  // has a step
  bool range = false;    // * or a-b
  bool last = false;     // L or nL
  bool nearest = false;  // nW
  int nth = -1;          // n#k; 0 for the last
};

struct CronReader::FieldValues {
  std::vector<Item> items;
  bool plus = false;
  [[nodiscard]] bool restricted() const { return !items[0].star || items[0].stepped; }
  [[nodiscard]] bool repeats() const {
    return std::any_of(items.begin(), items.end(),
                       [](const Item& item) { return item.star || item.stepped; });
  }
  [[nodiscard]] std::uint64_t bits() const {
    std::uint64_t bits = 0;
    for (const Item& item : items) {
      if (item.last || item.nearest || item.nth >= 0) continue;
      for (int value = item.low; value <= item.high; value += item.step)
        bits |= std::uint64_t{1} << value;
    }
    return bits;
  }
};

Error CronReader::refuse(std::size_t at, const std::string& problem, std::string next_step,
                         Code code) const {
  return Error(
      code,
      "cron expression " + shown(text_) + ", column " + std::to_string(at + 1) + ": " + problem,
      std::move(next_step));
}

std::string CronReader::here() const {
  if (position_ >= text_.size()) return "the end";
  if (is_blank(peek())) return "the end of the field";
  return shown(text_.substr(position_, 1));
}

void CronReader::skip_blanks() {
  while (position_ < text_.size() && is_blank(text_[position_])) ++position_;
}

bool CronReader::at_end_of_field() const {
  return position_ >= text_.size() || is_blank(text_[position_]);
}

bool CronReader::accept(char c) {
  if (position_ >= text_.size() || text_[position_] != c) return false;
  ++position_;
  return true;
}

Cron CronReader::read() {
  using Kind = Field::Kind;
  static constexpr std::array<Field, 5> kFields{
      {{Kind::minute, "a minute", "0-59", 0, 59},
       {Kind::hour, "an hour", "0-23", 0, 23},
       {Kind::day, "a day of month", "1-31, L or a day with W", 1, 31},
       {Kind::month, "a month", "1-12 or JAN-DEC", 1, 12, kMonths},
       {Kind::weekday, "a day of week", "0-7 or SUN-SAT", 0, 7, kWeekdays}}};

  if (text_.size() > kLongest)
    throw refuse(kLongest, "longer than " + std::to_string(kLongest) + " characters",
                 "Split it into several schedules.");
  skip_blanks();
  if (peek() == '@') return read_nickname();
  check_field_count();

  std::array<FieldValues, 5> values;
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    skip_blanks();
    values[i] = read_field(kFields[i]);
  }
  Cron cron;
  cron.minutes_ = values[0].bits();
  cron.hours_ = static_cast<std::uint32_t>(values[1].bits());
  cron.days_ = static_cast<std::uint32_t>(values[2].bits());
  cron.months_ = static_cast<std::uint32_t>(values[3].bits());
  const auto weekdays = static_cast<std::uint32_t>(values[4].bits());
  cron.weekdays_ = (weekdays | weekdays >> 7) & 0x7f;
  for (const Item& item : values[2].items) {
    if (item.last) cron.last_day_ = true;
    if (item.nearest) cron.nearest_weekday_to_ = item.low;
  }
  for (const Item& item : values[4].items)
    if (item.nth >= 0)
      cron.nth_[static_cast<std::size_t>(item.low % 7)] |= static_cast<std::uint8_t>(1 << item.nth);
  cron.days_restricted_ = values[2].restricted();
  cron.weekdays_restricted_ = values[4].restricted();
  cron.both_days_ = values[4].plus;
  cron.repeats_within_day_ = values[0].repeats() || values[1].repeats();
  if (!cron.fires_ever())
    throw refuse(values[2].items[0].start, "it never fires, expected a day that some year has",
                 "Mend the day and month fields.");
  return cron;
}

Cron CronReader::read_nickname() {
  const std::size_t start = position_;
  while (!at_end_of_field()) ++position_;
  const std::string_view word = text_.substr(start, position_ - start);
  skip_blanks();
  if (position_ < text_.size())
    throw refuse(position_, "unexpected text after " + shown(word) + ", expected the end");
  for (const auto& [nickname, fields] : kNicknames)
    if (word == nickname) return CronReader(fields).read();
  if (word == "@reboot")
    throw refuse(start, "@reboot is not supported: a start of the host is not an instant in time",
                 "Use a cron expression with `catch_up: latest`, or `every:`.", Code::unsupported);
  std::string known;
  for (const auto& [nickname, fields] : kNicknames)
    known.append(known.empty() ? "" : ", ").append(nickname);
  throw refuse(start, shown(word) + " is not a nickname, expected one of " + known,
               "For an interval write `every: 90s`.");
}

void CronReader::check_field_count() const {
  std::vector<std::string_view> fields;
  std::size_t at = position_;
  while (at < text_.size()) {
    std::size_t end = at;
    while (end < text_.size() && !is_blank(text_[end])) ++end;
    fields.push_back(text_.substr(at, end - at));
    for (at = end; at < text_.size() && is_blank(text_[at]);) ++at;
  }
  const std::size_t count = fields.size();
  if (count == 5) return;
  const std::string five = "expected five fields: minute, hour, day of month, month, day of week";
  const auto column_of = [&](std::size_t i) {
    return static_cast<std::size_t>(fields[i].data() - text_.data());
  };
  if (count < 5)
    throw refuse(text_.size(), "only " + std::to_string(count) + " fields, " + five,
                 "Write `*` for a field that doesn't matter.");
  const auto looks_like_year = [](std::string_view field) {
    return field.size() >= 4 && std::all_of(field.begin(), field.begin() + 4, is_digit);
  };
  if (count == 6 && looks_like_year(fields[5]))
    throw refuse(column_of(5), "the optional year field is not supported, " + five,
                 "Remove the sixth field.", Code::unsupported);
  if (count == 6)
    throw refuse(column_of(0), "the optional seconds field is not supported, " + five,
                 "Remove the first field; for less than a minute write `every: 30s`.",
                 Code::unsupported);
  if (count == 7)
    throw refuse(column_of(0), "the optional seconds and year fields are not supported, " + five,
                 "Remove the first and the last field.", Code::unsupported);
  throw refuse(column_of(5), std::to_string(count) + " fields, " + five);
}

CronReader::FieldValues CronReader::read_field(const Field& field) {
  FieldValues values;
  if (field.kind == Field::Kind::weekday) values.plus = accept('+');
  do {
    values.items.push_back(read_item(field));
    const Item& item = values.items.back();
    if (item.nearest && (values.items.size() > 1 || !at_end_of_field()))
      throw refuse(item.start, "a day with W stands alone in its field");
  } while (accept(','));
  if (!at_end_of_field())
    throw refuse(position_, "unexpected " + here() + " after " + std::string(field.a_name) +
                                ", expected a comma or the next field");
  if (values.items.size() > 1 && values.items[0].nearest)
    throw refuse(values.items[0].start, "a day with W stands alone in its field");
  return values;
}

CronReader::Item CronReader::read_item(const Field& field) {
  const bool day_field = field.kind == Field::Kind::day || field.kind == Field::Kind::weekday;
  Item item;
  item.start = position_;
  item.low = field.low;
  item.high = field.high;
  if (accept('*')) {
    item.star = item.range = true;
    read_step(field, item);
  } else if (day_field && accept('?')) {
    item.star = true;
  } else if (field.kind == Field::Kind::day && accept('L')) {
    item.last = true;
  } else {
    item.low = item.high = read_value(field, 0);
    if (accept('-')) {
      const std::size_t end_column = position_;
      item.high = read_value(field, item.low);
      item.range = true;
      if (item.high < item.low)
        throw refuse(end_column,
                     "the range ends before it begins, expected a value of at least " +
                         std::to_string(item.low),
                     "Write the two parts as a list, such as 22-23,0-5.");
    }
    read_step(field, item);
    read_modifier(field, item);
  }
  return item;
}

void CronReader::read_step(const Field& field, Item& item) {
  const std::size_t at = position_;
  if (!accept('/')) return;
  if (!item.range)
    throw refuse(at, "a step stands after `*` or a range such as 10-50",
                 "Write " + std::to_string(item.low) + "-" + std::to_string(field.high) + "/N.");
  item.step = read_number(1, field.high, "a step");
  item.stepped = true;
}

void CronReader::read_modifier(const Field& field, Item& item) {
  const std::size_t at = position_;
  if (field.kind == Field::Kind::day && accept('W')) {
    item.nearest = true;
  } else if (field.kind == Field::Kind::weekday && accept('#')) {
    item.nth = accept('L') ? 0 : read_number(1, 5, "an occurrence in the month (or L)");
  } else if (field.kind == Field::Kind::weekday && accept('L')) {
    item.nth = 0;
  } else {
    return;
  }
  if (item.range)
    throw refuse(at, shown(text_.substr(at, 1)) + " stands after a single day, not after a range");
}

int CronReader::read_value(const Field& field, int range_start) {
  const std::size_t start = position_;
  if (is_digit(peek())) return read_number(field.low, field.high, field.a_name);
  std::size_t end = start;
  while (end < text_.size() && end - start < 3 && is_letter(text_[end])) ++end;
  const int value = find_name(field, text_.substr(start, end - start));
  // FRIL, and nothing longer: MONDAY is not a name.
  const bool more = end < text_.size() && is_letter(text_[end]) && text_[end] != 'L';
  if (value < 0 || more) {
    while (end < text_.size() && is_letter(text_[end])) ++end;
    const std::string found = end > start ? shown(text_.substr(start, end - start)) : here();
    throw refuse(start, found + " is not " + std::string(field.a_name) + ", expected " +
                            std::string(field.expected));
  }
  position_ = end;
  // SUN is 0 or 7: FRI-SUN ends with 7.
  return range_start > 0 && field.kind == Field::Kind::weekday && value == 0 ? 7 : value;
}

int CronReader::find_name(const Field& field, std::string_view word) const {
  for (std::size_t i = 0; i < field.names.size(); ++i)
    if (std::equal(word.begin(), word.end(), field.names[i].begin(), field.names[i].end(),
                   [](char a, char b) { return upper(a) == b; }))
      return static_cast<int>(i) + (field.kind == Field::Kind::month ? 1 : 0);
  return -1;
}

int CronReader::read_number(int low, int high, std::string_view what) {
  const std::size_t start = position_;
  int value = 0;
  while (is_digit(peek())) {
    value = std::min(value * 10 + (peek() - '0'), 100000);
    ++position_;
  }
  const std::string expected = ", expected " + std::to_string(low) + "-" + std::to_string(high);
  if (position_ == start) throw refuse(start, here() + " is not " + std::string(what) + expected);
  if (value < low || value > high)
    throw refuse(start, shown(text_.substr(start, position_ - start)) + " is not " +
                            std::string(what) + expected);
  return value;
}

Cron Cron::parse(std::string_view text) { return CronReader(text).read(); }

}  // namespace host
