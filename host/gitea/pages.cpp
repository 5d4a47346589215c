// SPDX-License-Identifier: Apache-2.0
#include "gitea/pages.hpp"

#include <charconv>

#include "base/utf8.hpp"

namespace host {

PageEnd read_page_end(const HttpResponse& response) {
  PageEnd end;
  if (const std::string* total = response.header("x-total-count")) {
    std::size_t value = 0;
    const auto [rest, failed] =
        std::from_chars(total->data(), total->data() + total->size(), value);
    if (failed == std::errc() && rest == total->data() + total->size()) end.total = value;
  }
  // Only whether it is there: its URL is built from what the server thinks its own name is.
  if (const std::string* link = response.header("link"))
    end.next = link->find("rel=\"next\"") != std::string::npos;
  return end;
}

std::size_t cut_bodies(Json& list, std::size_t limit, std::size_t size) {
  if (!list.is_array()) return size;
  bool any = false;
  for (Json& element : list) {
    const auto body = element.is_object() ? element.find("body") : element.end();
    if (body == element.end() || !body->is_string()) continue;
    if (!cut_text(body->get_ref<std::string&>(), limit)) continue;
    element["body_cut"] = true;
    any = true;
  }
  return any ? to_text(list).size() : size;
}

bool more_pages(const PageEnd& end, std::size_t position, bool fresh) {
  if (end.next && *end.next) return true;
  if (!fresh) return false;
  if (end.total) return position < *end.total;
  return !end.next.has_value();
}

}  // namespace host
