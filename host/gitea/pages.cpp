// SPDX-License-Identifier: Apache-2.0
#include "gitea/pages.hpp"

#include <charconv>

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

bool more_pages(const PageEnd& end, std::size_t position, bool fresh) {
  if (end.next && *end.next) return true;
  if (!fresh) return false;
  if (end.total) return position < *end.total;
  return !end.next.has_value();
}

}  // namespace host
