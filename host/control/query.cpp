// SPDX-License-Identifier: Apache-2.0
#include "control/query.hpp"

#include <fmt/format.h>

#include <charconv>

#include "base/error.hpp"

namespace host {
namespace {

constexpr std::int64_t kLongestPage = 1000;
constexpr int kUsualPage = 50;

}  // namespace

std::string query_value(const ServerRequest& request, const std::string& key) {
  const auto found = request.query.find(key);
  return found == request.query.end() ? "" : found->second;
}

std::int64_t number_in(std::string_view text, std::string_view what) {
  std::int64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc{} || end != text.data() + text.size() || number < 0)
    throw Error(Code::usage,
                std::string(what) + " must be a whole number, not \"" + std::string(text) + "\"");
  return number;
}

int limit_in(std::string_view text) {
  if (text.empty()) return kUsualPage;
  const auto limit = number_in(text, "limit");
  if (limit < 1 || limit > kLongestPage)
    throw Error(Code::usage, fmt::format("limit is {}, expected 1 to {}", limit, kLongestPage),
                "Ask for further pages with before=ID, the last id of the page.");
  return static_cast<int>(limit);
}

}  // namespace host
