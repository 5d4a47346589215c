// SPDX-License-Identifier: Apache-2.0
//
// Changing the title and the body of an issue or a pull request. Private to gitea/.
#pragma once

#include <string>
#include <string_view>

#include "gitea/settle.hpp"

namespace host {

[[nodiscard]] inline ApiRequest edit_request(std::string path, const Json& change) {
  ApiRequest request;
  request.method = "PATCH";
  request.path = std::move(path);
  request.body = to_text(change);
  return request;
}

// Servers take white space off the ends of a new title, and leave it on an edited one.
[[nodiscard]] inline std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// Fills in reached, write and missed. Throws Error{usage} on an edit that no server takes.
template <class T>
void set_text(Aim<T>& aim, const std::string& path, const TextEdit& edit) {
  constexpr std::size_t kTitleCap = 255;  // in characters; the server cuts what is longer
  if (!edit.title && !edit.body) throw Error(Code::usage, aim.what + ": nothing to change");
  if (edit.title && (trimmed(*edit.title).empty() || edit.title->size() > kTitleCap))
    throw Error(Code::usage, aim.what + ": a title has 1 to 255 bytes");
  aim.reached = [edit](const T& now) {
    return (!edit.title || trimmed(now.title) == trimmed(*edit.title)) &&
           (!edit.body || now.body == *edit.body);
  };
  // Only what differs.
  aim.write = [path, edit](const T& now) {
    Json change = Json::object();
    if (edit.title && trimmed(now.title) != trimmed(*edit.title))
      change["title"] = std::string(trimmed(*edit.title));
    if (edit.body && now.body != *edit.body) change["body"] = *edit.body;
    return edit_request(path, change);
  };
  aim.missed = [what = aim.what](const T&) {
    return Error(Code::conflict, what + ": it reads differently afterwards",
                 "Look at who else changes it.");
  };
}

}  // namespace host
