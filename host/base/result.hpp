// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/error.hpp"

namespace host {

// What an asynchronous operation hands to its callback: a value, or the Error that stopped it.
// Synchronous functions throw instead.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : content_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool ok() const noexcept { return content_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }

  // The value. Throws the Error when there is none.
  [[nodiscard]] T& value() & { return check(), std::get<0>(content_); }
  [[nodiscard]] const T& value() const& { return check(), std::get<0>(content_); }
  [[nodiscard]] T&& value() && { return check(), std::move(std::get<0>(content_)); }

  // REQUIRES: !ok()
  [[nodiscard]] const Error& error() const { return std::get<1>(content_); }

 private:
  void check() const {
    if (!ok()) throw error();
  }
  std::variant<T, Error> content_;
};

// A Result without a value.
struct Done {};
using Status = Result<Done>;

// A callback for a Result. Called exactly once, on the loop, never from inside the call that took
// it; or not at all when its owner is destroyed first.
template <class T>
using Reply = std::function<void(Result<T>)>;

// Runs `work` and catches what it throws into a Result.
template <class Work>
[[nodiscard]] auto attempt(Work&& work)
    -> Result<std::conditional_t<std::is_void_v<std::invoke_result_t<Work>>, Done,
                                 std::invoke_result_t<Work>>> {
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<Work>>) {
      std::forward<Work>(work)();
      return Done{};
    } else {
      return std::forward<Work>(work)();
    }
  } catch (...) {
    return current_error();
  }
}

}  // namespace host
