// SPDX-License-Identifier: Apache-2.0
//
// A command's own short visit to the forge, without a running host.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "base/loop.hpp"
#include "config/host_config.hpp"
#include "gitea/client.hpp"
#include "http/client.hpp"

namespace host {

// The settings of the running host's client, for a client of this process.
[[nodiscard]] GiteaOptions gitea_options(const HostConfig& config);

// A client with a loop of its own, which runs while wait() does. From the first of them on the
// process is closed to others of its user (hide_process), since it will hold a token.
class ForgeVisit {
 public:
  // Throws Error{usage} when the URL can't be used. Reads no token before the first call.
  explicit ForgeVisit(GiteaOptions options);

  [[nodiscard]] Gitea& gitea() { return gitea_; }

  // Makes a call with a callback and blocks until that is called with its one argument.
  template <class T>
  [[nodiscard]] T wait(const std::function<void(std::function<void(T)>)>& call) {
    std::optional<T> answer;
    call([&](T given) {
      answer.emplace(std::move(given));
      context_.stop();
    });
    context_.restart();
    context_.run();
    if (!answer) throw Error(Code::internal, "the forge's client ended without an answer");
    return std::move(*answer);
  }

 private:
  boost::asio::io_context context_;
  SystemClock clock_;
  AsioLoop loop_{context_, clock_};
  CurlClient http_{context_, loop_};
  GiteaClient gitea_;
};

}  // namespace host
