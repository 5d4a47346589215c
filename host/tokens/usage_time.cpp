// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <cmath>
#include <optional>

#include "base/error.hpp"
#include "tokens/usage_import.hpp"

namespace host {
namespace {

// Reads a text from its beginning on; each step says whether it fitted.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  // Exactly so many digits.
  std::optional<int> number(std::size_t digits) {
    int value = 0;
    if (text_.size() < digits) return std::nullopt;
    const auto [end, failed] = std::from_chars(text_.data(), text_.data() + digits, value);
    if (failed != std::errc{} || end != text_.data() + digits || text_[0] == '-')
      return std::nullopt;
    text_.remove_prefix(digits);
    return value;
  }
  bool take(char letter) {
    if (text_.empty() || text_.front() != letter) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool take(std::string_view word) {
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }
  // Microseconds of ".5" and the like; what is finer is dropped.
  Duration fraction() {
    Duration::rep micros = 0;
    int digits = 0;
    for (; !text_.empty() && text_.front() >= '0' && text_.front() <= '9'; text_.remove_prefix(1))
      if (++digits <= 6) micros = micros * 10 + (text_.front() - '0');
    for (; digits < 6; ++digits) micros *= 10;
    return Duration(micros);
  }
  [[nodiscard]] bool at_end() const { return text_.empty(); }

 private:
  std::string_view text_;
};

std::optional<std::chrono::sys_days> date_in(Scanner& text) {
  const auto year = text.number(4);
  if (!year || !text.take('-')) return std::nullopt;
  const auto month = text.number(2);
  if (!month || !text.take('-')) return std::nullopt;
  const auto day = text.number(2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  return date.ok() ? std::optional(std::chrono::sys_days(date)) : std::nullopt;
}

std::optional<Duration> clock_in(Scanner& text) {
  const auto hour = text.number(2);
  if (!hour || *hour > 23 || !text.take(':')) return std::nullopt;
  const auto minute = text.number(2);
  if (!minute || *minute > 59) return std::nullopt;
  Duration clock = std::chrono::hours(*hour) + std::chrono::minutes(*minute);
  if (!text.take(':')) return clock;
  const auto second = text.number(2);
  if (!second || *second > 60) return std::nullopt;
  clock += std::chrono::seconds(*second);
  if (text.take('.') || text.take(',')) clock += text.fraction();
  return clock;
}

// How far the zone is ahead of UTC; nullopt: it names none.
std::optional<Duration> zone_in(Scanner& text) {
  (void)text.take(' ');
  if (text.take('Z') || text.take('z') || text.take("UTC") || text.take("GMT"))
    return Duration::zero();
  const bool behind = text.take('-');
  if (!behind && !text.take('+')) return std::nullopt;
  const auto hours = text.number(2);
  if (!hours) return std::nullopt;
  (void)text.take(':');
  const Duration ahead =
      std::chrono::hours(*hours) + std::chrono::minutes(text.number(2).value_or(0));
  return behind ? -ahead : ahead;
}

// Since 1970, in seconds or what a thousand or a million of them would be.
std::optional<WallTime> count_in(std::string_view text) {
  double count = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  for (const double unit : {1e6, 1e3, 1.0})
    if (count >= 1e8 && count * unit < 1e17) return WallTime(Duration(std::llround(count * unit)));
  return std::nullopt;
}

}  // namespace

std::pair<WallTime, bool> parse_any_time(std::string_view text) {
  Scanner scanner(text);
  if (const auto date = date_in(scanner)) {
    WallTime at = *date;
    if (scanner.at_end()) return {at, false};
    const bool apart = scanner.take('T') || scanner.take('t') || scanner.take(' ');
    const auto clock = apart ? clock_in(scanner) : std::nullopt;
    if (clock) {
      const auto ahead = zone_in(scanner);
      if (scanner.at_end()) return {at + *clock - ahead.value_or(Duration::zero()), bool(ahead)};
    }
  } else if (const auto count = count_in(text)) {
    return {*count, true};
  }
  throw Error(Code::invalid, "\"" + std::string(text.substr(0, 60)) + "\" is not a time");
}

}  // namespace host
