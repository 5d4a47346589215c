// SPDX-License-Identifier: Apache-2.0
#include "tokens/spender.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/error.hpp"

namespace host {
namespace {

constexpr std::size_t kLongestRepo = 200;  // bytes

}  // namespace

std::string folded(std::string_view name) {
  std::string text(name);
  std::transform(text.begin(), text.end(), text.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  return text;
}

ModelName model_named(std::string_view provider, std::string_view model) {
  ModelName named{folded(provider), folded(model)};
  if (const auto slash = named.model.find('/');
      named.provider.empty() && slash != std::string::npos && slash > 0) {
    named.provider = named.model.substr(0, slash);
    named.model.erase(0, slash + 1);
  }
  while (!named.provider.empty() && named.model.starts_with(named.provider + "/"))
    named.model.erase(0, named.provider.size() + 1);
  return named;
}

IssueName parse_issue(const std::string& text) {
  const auto hash = text.rfind('#');
  if (hash != std::string::npos && hash > kLongestRepo)
    throw Error(Code::usage, "the name of a repository is longer than " +
                                 std::to_string(kLongestRepo) + " bytes");
  std::int64_t number = 0;
  if (hash != std::string::npos) {
    const auto [end, failed] =
        std::from_chars(text.data() + hash + 1, text.data() + text.size(), number);
    if (failed == std::errc{} && end == text.data() + text.size() && number > 0 &&
        text.substr(0, hash).find('/') != std::string::npos)
      return {text.substr(0, hash), number};
  }
  throw Error(Code::usage, "\"" + text + "\" is no issue, expected owner/name#12");
}

bool same_issue(const IssueName& a, const IssueName& b) {
  return a.number == b.number && folded(a.repo) == folded(b.repo);
}

}  // namespace host
