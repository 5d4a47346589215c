// SPDX-License-Identifier: Apache-2.0
//
// Where the forge's webhooks come in: POST /webhooks. A delivery is believed by its signature,
// recorded with the jobs that it starts in one transaction, and answered once that is durable:
//
//   202  {"delivery", "duplicate", "jobs"}: taken; `duplicate`: the same bytes came before, and
//        nothing new was started
//   400  it is no JSON object, or names no repository
//   401  no signature, or one by none of the secrets
//   404, 405  another path, another method
//   413, 431, 408  too large, or too slow (http/server.hpp)
//   415  another content type than application/json
//   503  it can't be stored now, or no secret can be read: the forge does not try again by itself,
//        what was missed is found by the next poll
//   504  it was not stored in time; it may be yet
//
// No body and no signature is ever logged.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/loop.hpp"
#include "base/result.hpp"
#include "config/host_config.hpp"
#include "control/delivery_table.hpp"
#include "queue/queue.hpp"
#include "store/store.hpp"

namespace host {

struct WebhookStats {
  std::uint64_t taken = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t without_jobs = 0;  // of those taken: no task asks for such an event there
  std::uint64_t unsigned_or_forged = 0;
  std::uint64_t malformed = 0;  // 400, 415
  std::uint64_t unstored = 0;   // 503
};

// Loop thread only.
class WebhookServer {
 public:
  // The jobs that an event starts, ready for the queue.
  using Route = std::function<std::vector<NewJob>(const ForgeEvent&)>;

  // All outlive the server. Listens nowhere before configure().
  WebhookServer(boost::asio::io_context& context, Loop& loop, Log log, Store& store, Queue& queue,
                Route route);
  ~WebhookServer();

  // Listens as `settings` say, from now on nowhere else; requests under way on the old address end
  // there. Where both are one port, connections that nobody has taken yet are cut. Secrets are read
  // at each delivery where their files have changed. Throws Error{denied} and others of
  // read_secret_file(), unless each secret can be read, or Error{io} when the address is not to be
  // had; then all is as before, but where the old one had to leave the port for the new one and
  // somebody else took it meanwhile: then it listens nowhere, and address() is empty.
  void configure(const WebhookSettings& settings);

  // Empty when it listens nowhere; else "127.0.0.1:8480", with the port that it got.
  [[nodiscard]] std::string address() const;
  [[nodiscard]] const WebhookStats& stats() const;

  void list(std::optional<std::int64_t> before, int limit, Reply<std::vector<Delivery>> done);
  // Starts anew what the delivery would start now. Error{not_found}; Error{conflict} when no task
  // asks for such an event any more.
  void replay(std::int64_t id, Reply<std::vector<Inserted>> done);

  // Takes no new connection; `done` follows when requests under way are answered.
  void stop(std::function<void()> done);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace host
