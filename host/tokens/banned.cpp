// SPDX-License-Identifier: Apache-2.0
#include "tokens/banned.hpp"

#include <algorithm>
#include <cctype>

#include "base/error.hpp"
#include "base/glob.hpp"
#include "tokens/spender.hpp"

namespace host {
namespace {

constexpr std::size_t kLongestName = 200;

bool is_plain(unsigned char c) {
  return c < 0x80 &&
         (std::isalnum(c) != 0 ||
          std::string_view("._-+:/@~").find(static_cast<char>(c)) != std::string_view::npos);
}

// Of what stands between two slashes: "", "." and ".." are taken out of a path by whoever reads it
// as one.
bool has_idle_part(std::string_view name) {
  for (;;) {
    const auto slash = std::min(name.find('/'), name.size());
    if (name.substr(0, slash).find_first_not_of('.') == std::string_view::npos) return true;
    if (slash == name.size()) return false;
    name.remove_prefix(slash + 1);
  }
}

// The name, and what is left of it without what upstreams let stand before and behind.
std::vector<std::string_view> forms_of(std::string_view name) {
  constexpr std::string_view kBefore = "/@~.:";
  constexpr std::string_view kBehind = ":@";
  std::vector<std::string_view> forms;
  for (std::size_t begin = 0;;) {
    const auto rest = name.substr(begin);
    forms.push_back(rest);
    for (auto end = rest.find_first_of(kBehind, 1); end < rest.size();
         end = rest.find_first_of(kBehind, end + 1))
      forms.push_back(rest.substr(0, end));
    const auto mark = name.find_first_of(kBefore, begin);
    if (mark == std::string_view::npos) return forms;
    begin = mark + 1;
  }
}

bool names_provider(std::string_view name, std::string_view provider) {
  for (auto at = name.find(provider); at != std::string_view::npos;
       at = name.find(provider, at + 1)) {
    const auto end = at + provider.size();
    const auto parts = [](char c) { return std::string_view("/@~.:").find(c) < 5; };
    if ((at == 0 || parts(name[at - 1])) && (end == name.size() || parts(name[end]))) return true;
  }
  return false;
}

void check_entry(const std::string& entry, bool glob) {
  const bool plain = std::all_of(entry.begin(), entry.end(), [&](unsigned char c) {
    return is_plain(c) || (glob && (c == '*' || c == '?'));
  });
  if (entry.empty() || !plain)
    throw Error(Code::invalid,
                "\"" + entry + "\" can be the name of no " + (glob ? "model" : "provider") +
                    ", and would ban nothing",
                std::string("Write it in plain letters, digits and \"._-+:/@~\"") +
                    (glob ? ", with '*' for any text." : "."));
}

}  // namespace

std::string plain_model_name(std::string_view asked) {
  if (asked.empty() || asked.size() > kLongestName ||
      !std::all_of(asked.begin(), asked.end(), is_plain) || has_idle_part(asked))
    throw Error(Code::invalid,
                "the model's name is not one: at most " + std::to_string(kLongestName) +
                    " plain letters, digits and \"._-+:/@~\", nothing empty between slashes",
                "Name the model as its provider does.");
  return folded(asked);
}

BannedModels::BannedModels(std::vector<std::string> providers, std::vector<std::string> models)
    : providers_(std::move(providers)), models_(std::move(models)) {
  for (auto& each : providers_) check_entry(each, false), each = folded(each);
  for (auto& each : models_) check_entry(each, true), each = folded(each);
}

std::string BannedModels::banning(std::string_view provider, std::string_view name) const {
  const auto routes = folded(provider);
  for (const auto& banned : providers_)
    if (routes == banned || names_provider(name, banned)) return "provider \"" + banned + "\"";
  const std::string whole = routes + "/" + std::string(name);
  for (const auto& banned : models_) {
    const auto matches = [&](std::string_view form) { return matches_glob(banned, form); };
    const auto forms = forms_of(whole);
    if (std::any_of(forms.begin(), forms.end(), matches)) return "\"" + banned + "\"";
  }
  return {};
}

}  // namespace host
