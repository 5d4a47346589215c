// SPDX-License-Identifier: Apache-2.0
#include "forge/reply.hpp"

#include <fmt/format.h>

#include <charconv>

#include "http/url.hpp"

namespace host::forge {
namespace {

std::string swagger(const ForgeState& state) { return state.settings.root_url + "api/swagger"; }

int number(const ServerRequest& request, const std::string& name) {
  const auto at = request.query.find(name);
  if (at == request.query.end()) return 0;
  int value = 0;
  const auto& text = at->second;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ptr == text.data() + text.size() ? value : 0;
}

// The URL of another page. Gitea sorts the parameters.
std::string page_url(const ForgeState& state, const ServerRequest& request, std::size_t page) {
  auto query = request.query;
  query["page"] = std::to_string(page);
  std::string url = state.settings.root_url + request.path.substr(1);
  char separator = '?';
  for (const auto& [name, value] : query) {
    url += separator + percent_encode(name) + "=" + percent_encode(value);
    separator = '&';
  }
  return url;
}

std::string link(const ForgeState& state, const ServerRequest& request, const Page& page,
                 std::size_t total) {
  const auto last = page.count == 0 ? 1 : (total + page.count - 1) / page.count;
  if (last <= 1) return {};
  const auto current = std::min(page.number, last);
  std::string text;
  const auto add = [&](std::size_t to, const char* relation) {
    if (!text.empty()) text += ",";
    text += "<" + page_url(state, request, to) + ">; rel=\"" + relation + "\"";
  };
  if (current < last) add(current + 1, "next"), add(last, "last");
  if (current > 1) add(1, "first"), add(current - 1, "prev");
  return text;
}

// Digits of `text` at `from`, as a number; moves on. False when there are not that many.
bool digits(std::string_view text, std::size_t& from, std::size_t count, int& value) {
  if (from + count > text.size()) return false;
  value = 0;
  for (const auto end = from + count; from < end; ++from) {
    if (text[from] < '0' || text[from] > '9') return false;
    value = value * 10 + (text[from] - '0');
  }
  return true;
}

bool literal(std::string_view text, std::size_t& from, char c) {
  return from < text.size() && text[from++] == c;
}

// "Z" or "+02:00", to the end of `text`.
bool offset(std::string_view text, std::size_t from, std::chrono::minutes& value) {
  if (text.substr(from) == "Z") return true;
  if (from >= text.size() || (text[from] != '+' && text[from] != '-')) return false;
  const int sign = text[from++] == '-' ? -1 : 1;
  int hours = 0, minutes = 0;
  const bool whole = digits(text, from, 2, hours) && literal(text, from, ':') &&
                     digits(text, from, 2, minutes) && from == text.size();
  value = std::chrono::minutes(sign * (hours * 60 + minutes));
  return whole;
}

std::optional<WallTime> rfc3339(std::string_view text) {
  std::size_t at = 0;
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (!digits(text, at, 4, year) || !literal(text, at, '-') || !digits(text, at, 2, month) ||
      !literal(text, at, '-') || !digits(text, at, 2, day) || !literal(text, at, 'T') ||
      !digits(text, at, 2, hour) || !literal(text, at, ':') || !digits(text, at, 2, minute) ||
      !literal(text, at, ':') || !digits(text, at, 2, second))
    return std::nullopt;
  if (at < text.size() && text[at] == '.')
    at = std::min(text.find_first_not_of("0123456789", at + 1), text.size());
  std::chrono::minutes zone{};
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!offset(text, at, zone) || !date.ok() || hour > 23 || minute > 59 || second > 59)
    return std::nullopt;
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
         std::chrono::minutes(minute) + std::chrono::seconds(second) - zone;
}

}  // namespace

ServerResponse json_reply(int status, const Json& value) {
  return {status,
          {{"Content-Type", "application/json;charset=utf-8"}},
          to_text(value) + "\n",
          std::nullopt};
}

ServerResponse empty_reply(int status) { return {status, {}, "", std::nullopt}; }

ServerResponse unknown_route() {
  return {
      404, {{"Content-Type", "text/plain; charset=utf-8"}}, "404 page not found\n", std::nullopt};
}

Refused refused(const ForgeState& state, int status, const std::string& message) {
  return {json_reply(status, {{"message", message}, {"url", swagger(state)}})};
}

Refused not_found(const ForgeState& state, const std::string& error, const std::string& message) {
  const Json errors = error.empty() ? Json(nullptr) : Json::array({error});
  return {json_reply(404, {{"errors", errors}, {"message", message}, {"url", swagger(state)}})};
}

Page page_of(const ForgeState& state, const ServerRequest& request) {
  const int asked = number(request, "limit");
  const int limit = std::min(asked > 0 ? asked : state.settings.default_paging_num,
                             state.settings.max_response_items);
  Page page;
  page.number = static_cast<std::size_t>(std::max(number(request, "page"), 1));
  page.count = static_cast<std::size_t>(limit);
  page.first = (page.number - 1) * page.count;
  return page;
}

void add_counts(ServerResponse& response, const ForgeState& state, const ServerRequest& request,
                const Page& page, std::size_t total, bool with_link) {
  const auto links = with_link ? link(state, request, page, total) : std::string();
  response.headers.emplace_back("Access-Control-Expose-Headers",
                                links.empty() ? "X-Total-Count" : "Link, X-Total-Count");
  if (!links.empty()) response.headers.emplace_back("Link", links);
  response.headers.emplace_back("X-Total-Count", std::to_string(total));
}

std::string format_time(const ForgeState& state, WallTime time) {
  const auto zone = state.settings.zone;
  auto text = format_utc(std::chrono::floor<std::chrono::seconds>(time) + zone);
  if (zone.count() == 0) return text;
  const auto minutes = std::abs(zone.count());
  text.pop_back();
  return text +
         fmt::format("{}{:02}:{:02}", zone.count() < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

WallTime parse_time(const ForgeState& state, const std::string& text) {
  if (const auto time = rfc3339(text)) return *time;
  throw refused(state, 422,
                "parsing time \"" + text + "\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"" +
                    text + "\" as \"2006\"");
}

}  // namespace host::forge
