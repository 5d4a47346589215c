// SPDX-License-Identifier: Apache-2.0
//
// What of the meter lives on its own thread: the endpoint, the open runs and their calls. Private
// to the meter. Built and destroyed on the host's loop, while the thread doesn't run.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/loop.hpp"
#include "tokens/meter_call.hpp"

namespace host {

class MeterRuns {
 public:
  // Listens, but answers only once the context runs.
  MeterRuns(const Meter::LedgerFor& ledger_for, std::shared_ptr<const ModelRoutes> routes,
            std::shared_ptr<Redactor> redactor, Log log, const MeterOptions& options);
  ~MeterRuns();
  MeterRuns(const MeterRuns&) = delete;
  MeterRuns& operator=(const MeterRuns&) = delete;

  [[nodiscard]] boost::asio::io_context& context() { return context_; }
  // Of the place that runs are opened at.
  [[nodiscard]] const SocketAddress& address() const { return here_->address; }

  // The rest: on the thread.
  struct Place {
    SocketAddress address;
    std::unique_ptr<HttpServer> server;
    std::size_t runs = 0;  // that were given its address
    bool left = false;
  };
  using PlacePointer = std::list<Place>::iterator;
  // Listens there, too. Throws Error naming the address.
  [[nodiscard]] PlacePointer take_place(const SocketAddress& where);
  // Runs are opened there from now on; the place before is left.
  void move_to(PlacePointer place);
  // It ends with the last of its runs.
  void leave(PlacePointer place);
  struct Opening {
    std::string id;
    std::string key_hash;  // sha256_hex() of its key
    std::string route;
    ReservationId reservation;
    std::optional<ModelName> only;  // no other model
    std::vector<OwnCap> caps;
    std::shared_ptr<RunSignals> signals;
  };
  void open(Opening opening);
  // `done` is called once all its calls are settled.
  void close(const std::string& id, std::function<void()> done);
  void set_routes(std::shared_ptr<const ModelRoutes> routes) { routes_ = std::move(routes); }

 private:
  // What the upstream says that it has, for one run.
  struct Listing {
    std::shared_ptr<const ModelRoutes> routes;  // by which it was asked
    MonotonicTime asked;
    std::string text;  // empty: no answer yet
    std::vector<HttpServer::Respond> waiting;
  };
  struct Run {
    Opening opening;
    PlacePointer place;
    std::list<std::shared_ptr<MeterCall>> calls;  // under way
    std::deque<std::shared_ptr<MeterCall>> waiting;
    std::function<void()> closed;  // set: no call starts any more
    std::shared_ptr<Listing> listing;
    // Of its connections that have a request. The server may keep one for longer than this lives.
    std::shared_ptr<std::size_t> seats = std::make_shared<std::size_t>(0);
  };
  using RunPointer = std::shared_ptr<Run>;

  void forget(const Run& run);
  [[nodiscard]] std::optional<ServerResponse> admit(const ServerRequest& head,
                                                    std::shared_ptr<void>& seat) const;
  void handle(ServerRequest request, HttpServer::Respond respond);
  void answer_call(const RunPointer& run, ModelCallKind kind, ServerRequest request,
                   HttpServer::Respond respond);
  void answer_models(const RunPointer& run, HttpServer::Respond respond);
  void ask_for_models(const RunPointer& run, const std::shared_ptr<Listing>& listing);
  [[nodiscard]] RunPointer whose(const ServerRequest& request) const;
  void start(const RunPointer& run, const std::shared_ptr<MeterCall>& call);
  void ended(const RunPointer& run, std::list<std::shared_ptr<MeterCall>>::iterator call);
  // The one that has waited longest, if there is room.
  void start_next(const RunPointer& run);
  [[nodiscard]] MeterParts parts() const;

  boost::asio::io_context context_{1};  // one thread runs it
  SystemClock clock_;
  AsioLoop loop_{context_, clock_};
  MeterOptions options_;
  Log log_;
  std::shared_ptr<const ModelRoutes> routes_;
  RouteKeys keys_;
  std::unique_ptr<CallLedger> ledger_;
  CurlClient http_;
  std::map<std::string, RunPointer> runs_;
  std::list<Place> places_;
  PlacePointer here_;
};

}  // namespace host
