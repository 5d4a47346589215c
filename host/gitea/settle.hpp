// SPDX-License-Identifier: Apache-2.0
//
// A write that brings about a state: done when the server shows that state, nothing when it shows
// it already, and after a failure that leaves it open read before it is sent again. Private to
// gitea/.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gitea/api.hpp"

namespace host {

// A write that may not have been applied is made once more, never a third time.
inline constexpr int kWrites = 2;

template <class T>
struct Aim {
  std::string what;  // for people: "closing org/app#5"
  ApiRequest read;   // shows the object
  std::function<T(const Json&)> decode;
  std::function<bool(const T&)> reached;
  // What brings it about, from the object as it was read. Its `what` is filled in.
  std::function<ApiRequest(const T&)> write;
  bool shown = true;  // the reply to the write is the object; else it is read after the write
  // The server said done, and the object is not as it should be.
  std::function<Error(const T&)> missed;
  // Whether a refusal has another way, which write() takes from now on. Empty: none has.
  std::function<bool(const Error&)> other_way;
};

// Keeps itself alive until its reply.
template <class T>
class Settle : public std::enable_shared_from_this<Settle<T>> {
 public:
  // `now`: the object if it was just read.
  static void run(const std::shared_ptr<Transport>& transport, Aim<T> aim, Reply<T> reply,
                  std::optional<T> now = std::nullopt) {
    auto settle = std::make_shared<Settle>();
    settle->transport_ = transport;
    settle->aim_ = std::move(aim);
    settle->reply_ = std::move(reply);
    if (now) return settle->compare(std::move(*now), std::nullopt);
    settle->read(std::nullopt);
  }

 private:
  // `cause`: why a write is in doubt.
  void read(const std::optional<Error>& cause) {
    const auto transport = transport_.lock();
    if (!transport) return;
    ApiRequest request = aim_.read;
    request.what = aim_.what;
    fetch<T>(transport, std::move(request), aim_.decode,
             [self = this->shared_from_this(), cause](Result<T> now) {
               if (!now.ok()) return self->reply_(cause.value_or(now.error()));
               self->compare(std::move(now).value(), cause);
             });
  }

  void compare(T now, const std::optional<Error>& cause) {
    if (aim_.reached(now)) return reply_(std::move(now));
    if (done_) return reply_(aim_.missed(now));
    if (writes_ >= kWrites && cause) return reply_(*cause);
    write(now);
  }

  void write(const T& now) {
    const auto transport = transport_.lock();
    if (!transport) return;
    ++writes_;
    ApiRequest request = aim_.write(now);
    request.what = aim_.what;
    transport->call(std::move(request), [self = this->shared_from_this(), now](ApiOutcome outcome) {
      if (outcome.response.ok()) return self->written(outcome.response.value());
      const Error& error = outcome.response.error();
      if (outcome.maybe_applied) return self->read(error);
      if (!self->aim_.other_way || !self->aim_.other_way(error)) return self->reply_(error);
      --self->writes_;
      self->write(now);
    });
  }

  void written(const HttpResponse& response) {
    done_ = true;
    if (!aim_.shown) return read(std::nullopt);
    auto now = attempt([&] { return aim_.decode(reply_json(response, aim_.what)); });
    if (!now.ok()) return read(with_context(aim_.what, now.error()));
    compare(std::move(now).value(), std::nullopt);
  }

  std::weak_ptr<Transport> transport_;
  Aim<T> aim_;
  Reply<T> reply_;
  int writes_ = 0;
  bool done_ = false;  // by the server's word
};

}  // namespace host
