// SPDX-License-Identifier: Apache-2.0
//
// Lists, page by page, to their true end. A server gives fewer per page than it was asked for
// without saying so, and the list moves while it is read. Private to gitea/.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "gitea/decode.hpp"
#include "gitea/failure.hpp"
#include "gitea/transport.hpp"

namespace host {

inline constexpr int kPageSize = 50;     // Gitea's default maximum; others clamp it
inline constexpr int kPagesMost = 1000;  // of that size; of smaller ones as many more
inline constexpr std::size_t kBytesMost = std::size_t{64} << 20;  // of all pages of one walk

// What one page says about what comes after it.
struct PageEnd {
  std::optional<std::size_t> total;  // X-Total-Count
  std::optional<bool> next;          // rel="next" in a Link header, if there is one
};
[[nodiscard]] PageEnd read_page_end(const HttpResponse& response);

// Whether another page is to be asked for. `position`: elements so far. `fresh`: the page brought
// something new; one that did not may still be in the middle, where the server left out what this
// token may not see.
[[nodiscard]] bool more_pages(const PageEnd& end, std::size_t position, bool fresh);

// Where a list differs from most.
struct PageShape {
  std::string member;  // the array is this member of an object; empty: it is the reply itself
  // Whether this element and all that follow are not wanted, so that no more is asked for.
  std::function<bool(const Json&)> enough;
  // The elements' `body` is cut to so many bytes, and `body_cut` put beside it. What was cut does
  // not count for kBytesMost.
  std::optional<std::size_t> body_limit;
};

// Cuts them as above. Returns how large `list` is then, if it was `size`.
[[nodiscard]] std::size_t cut_bodies(Json& list, std::size_t limit, std::size_t size);

// One walk over a list. Keeps itself alive until its reply.
template <class T>
class Pages : public std::enable_shared_from_this<Pages<T>> {
 public:
  // `decode` may leave an element out. Elements with an id that came before are left out too.
  using Decode = std::function<std::optional<T>(const Json&)>;

  // `request.path` ends where "page=" may follow.
  static void walk(const std::shared_ptr<Transport>& transport, ApiRequest request, Decode decode,
                   Reply<std::vector<T>> reply, PageShape shape = {}) {
    auto pages = std::make_shared<Pages>();
    pages->transport_ = transport;
    pages->request_ = std::move(request);
    pages->decode_ = std::move(decode);
    pages->reply_ = std::move(reply);
    pages->shape_ = std::move(shape);
    pages->next();
  }

 private:
  void next() {
    const auto transport = transport_.lock();
    if (!transport) return;
    ApiRequest request = request_;
    request.path += "page=" + std::to_string(++page_) + "&limit=" + std::to_string(page_size_);
    transport->call(std::move(request), [self = this->shared_from_this()](ApiOutcome outcome) {
      if (!outcome.response.ok()) {
        if (self->takes_smaller_pages(outcome.response.error())) return self->next();
        return self->reply_(outcome.response.error());
      }
      auto more = attempt([&] { return self->take(outcome.response.value()); });
      if (!more.ok()) return self->reply_(with_context(self->request_.what, more.error()));
      if (more.value()) return self->next();
      self->reply_(std::move(self->items_));
    });
  }

  // Whether there is more to ask for.
  bool take(const HttpResponse& response) {
    Json json = list_in(reply_json(response, request_.what));
    fullest_ = std::max(fullest_, json.size());
    if (parts_ > 0 && fullest_ < kPageSize) {
      // The list ends here, or the server clamps, so that this page began elsewhere.
      grows_ = false;
      return go_on_in_pages_of(parts_);
    }
    const std::size_t size = response.body.size();
    bytes_ += shape_.body_limit ? cut_bodies(json, *shape_.body_limit, size) : size;
    if (bytes_ > kBytesMost)
      throw Error(Code::too_large,
                  request_.what + ": more than " + std::to_string(kBytesMost >> 20) + " MiB",
                  "Ask for less, by labels or by date.");
    const PageEnd end = read_page_end(response);
    // What leaves a list while it is read moves the rest up, past the page that was read.
    if (end.total && total_ && *end.total < *total_) shrank_ = true;
    total_ = end.total;
    bool fresh = false;
    for (const Json& element : json) {
      if (shape_.enough && !element.is_null() && shape_.enough(element)) return false;
      fresh = add(element) || fresh;
    }
    position_ += json.size();
    if (more_pages(end, position_, fresh)) {
      if (page_ * page_size_ >= kPagesMost * kPageSize)
        throw Error(Code::too_large,
                    request_.what + ": more than " + std::to_string(kPagesMost) + " pages",
                    "Ask for less, by labels or by date.");
      grow();
      return true;
    }
    return shrank_ && walks_++ < kWalksAgain && begin_again();
  }

  [[nodiscard]] Json list_in(Json json) const {
    if (!shape_.member.empty() && json.is_object())
      json = json.contains(shape_.member) ? Json(json.at(shape_.member)) : Json(nullptr);
    if (!json.is_array() && !json.is_null())
      throw Error(Code::invalid, request_.what + ": the reply is not a list");
    return json;
  }

  bool add(const Json& element) {
    if (element.is_null()) return true;
    const auto id = element.is_object() ? element.find("id") : element.end();
    const bool known = element.is_object() && id != element.end() && id->is_number_integer() &&
                       !seen_.insert(id->template get<std::int64_t>()).second;
    if (known) return false;
    if (auto item = decode_(element)) items_.push_back(std::move(*item));
    return true;
  }

  // Whether a page that is too large for one reply may be had in parts, since only its bodies are
  // what is large.
  bool takes_smaller_pages(const Error& error) {
    if (error.code() != Code::too_large || !shape_.body_limit || page_size_ == 1) return false;
    const int smaller = page_size_ > kSmallPage ? kSmallPage : 1;
    const auto clamps_not_to = [&](int size) { return fullest_ >= static_cast<std::size_t>(size); };
    if (parts_ > 0) return go_on_in_pages_of(clamps_not_to(smaller) ? smaller : parts_);
    if (page_ == 1 || clamps_not_to(page_size_)) return go_on_in_pages_of(smaller);
    // Maybe the server clamps: nobody knows where this page begins.
    grows_ = false;
    page_size_ = smaller;
    return begin_again();
  }

  // Where the page that was asked for begins, if it was as large as asked for.
  bool go_on_in_pages_of(int smaller) {
    page_ = (page_ - 1) * (page_size_ / smaller);
    page_size_ = smaller;
    parts_ = 0;
    return true;
  }

  // Once the parts of a page are all there, the next one is asked for whole: a few large bodies
  // must not make each later element a request.
  void grow() {
    const bool whole = grows_ && page_size_ < kPageSize && page_ * page_size_ % kPageSize == 0;
    parts_ = whole ? page_size_ : 0;
    if (!whole) return;
    page_ = page_ * page_size_ / kPageSize;
    page_size_ = kPageSize;
  }

  bool begin_again() {
    items_.clear();
    seen_.clear();
    total_.reset();
    bytes_ = 0;
    position_ = 0;
    page_ = 0;
    parts_ = 0;
    shrank_ = false;
    return true;
  }

  static constexpr int kWalksAgain = 2;
  static constexpr int kSmallPage = 5;

  std::weak_ptr<Transport> transport_;
  ApiRequest request_;
  Decode decode_;
  Reply<std::vector<T>> reply_;
  PageShape shape_;
  std::vector<T> items_;
  std::set<std::int64_t> seen_;
  std::optional<std::size_t> total_;
  std::size_t bytes_ = 0;
  std::size_t position_ = 0;
  std::size_t fullest_ = 0;  // elements of the fullest page: the server clamps to no less
  int page_ = 0;
  int page_size_ = kPageSize;
  int parts_ = 0;  // if this page is the first whole one after parts: their size
  int walks_ = 0;
  bool shrank_ = false;
  bool grows_ = true;
};

}  // namespace host
