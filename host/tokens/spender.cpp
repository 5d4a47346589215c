// SPDX-License-Identifier: Apache-2.0
#include "tokens/spender.hpp"

#include <algorithm>
#include <utility>

namespace host {

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

}  // namespace host
