// SPDX-License-Identifier: Apache-2.0
//
// The meter: a loopback endpoint that speaks OpenAI's wire and counts what runs use. A run gets a
// URL and a key of its own; behind them is one route with one upstream. For each call a hold is on
// the disk before a byte of it leaves, and it is settled by what the upstream says it used, or
// charged whole where that is not known. POST /v1/chat/completions (streamed or not) and
// /v1/embeddings, GET /v1/models; nothing else.
//
// It has a thread and a loop of its own, so that a hundred streams cost the host's loop only their
// holds. All functions here belong to the host's loop.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/log.hpp"
#include "base/loop.hpp"
#include "base/result.hpp"
#include "base/socket_address.hpp"
#include "tokens/call_ledger.hpp"
#include "tokens/routes.hpp"

namespace host {

struct MeterOptions {
  SocketAddress listen{"127.0.0.1", 0};
  Duration call_time = std::chrono::hours(1);    // a call to its last byte
  Duration silence = std::chrono::minutes(10);   // of an upstream
  Duration answer_time = std::chrono::hours(2);  // from a call's coming, since its turn may be late
  Duration send_time = std::chrono::seconds(30);  // a piece of an answer, to a slow client
  std::size_t calls_of_run = 8;                   // at once; more wait
  std::size_t waiting_of_run = 64;                // more are refused
  std::size_t connections = 1024;
  // With a request each, from its head to the last byte of its answer; one more is refused. More
  // than its calls, and a tenth of all, so that no run keeps the others out.
  std::size_t connections_of_run = 96;
  // So often a run may have its upstream asked for its models; in between it gets the last list.
  Duration models_every = std::chrono::seconds(10);
  Duration last_writes =
      std::chrono::seconds(5);  // a stop waits so long for a ledger that is stuck
};

// What is told of an open run while it works: on the host's loop, and not after close_run() has
// replied.
struct RunSigns {
  // A model has answered it, or gone on with a stream of which it takes the pieces. Told some times
  // a second at most, of any number of them.
  std::function<void()> answered;
  // The ledger has refused it a call: which cap it was, and how much is left of that, see
  // BudgetRefusal; or, as Error{unavailable}, that it grants nothing now. `others`: other calls of
  // the run are with a model.
  std::function<void(const Error&, bool others)> refused;
  // Between a refusal and the next answer: the first of its calls goes to a model, or the last that
  // was with one has ended.
  std::function<void(bool)> with_model;
};

struct RunTerms {
  Spender spender;                   // `run` empty: the run is no job, and gets an id of its own
  std::string route;                 // empty: as ModelRoutes::pick() says
  std::optional<std::string> model;  // the only one that it may ask for
  Tokens reservation;                // 0: none ahead, each call asks the caps anew
  std::vector<OwnCap> caps = {};     // of the run's own, as long as it is open
  RunSigns signs = {};               // each may be empty
};

// What a run is given.
struct MeteredRun {
  std::string id;
  std::string route;
  std::string url;  // "http://127.0.0.1:PORT/v1": OPENAI_BASE_URL
  Secret key;       // OPENAI_API_KEY; kept by nobody else
};

class Meter {
 public:
  // Makes the way to the ledger for one loop: make_call_ledger(), or a test's.
  using LedgerFor = std::function<std::unique_ptr<CallLedger>(Loop& callers)>;

  // Listens. `loop` is the host's, and outlives it. `redactor` learns the credentials. Throws Error
  // naming the address; it must be on loopback.
  Meter(Loop& loop, const LedgerFor& ledger_for, std::shared_ptr<const ModelRoutes> routes,
        std::shared_ptr<Redactor> redactor, Log log, MeterOptions options = {});
  // Ends all at once: holds that are open stay so, and are charged at the next start.
  ~Meter();
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

  // That of runs opened from now on.
  [[nodiscard]] const SocketAddress& address() const;

  // Another address that is listened at, for move_to(); destroyed without that, it is given up. The
  // meter outlives it.
  class Place;
  // Blocks for the moment that it takes. Throws Error naming the address.
  [[nodiscard]] std::shared_ptr<Place> take_place(const SocketAddress& where);
  // Runs opened from now on get their URLs there. The old address stays as long as one of its runs.
  void move_to(const std::shared_ptr<Place>& place);

  // For runs opened from now on, and for the next call of those that are open; a run whose route is
  // gone is refused its calls.
  void set_routes(std::shared_ptr<const ModelRoutes> routes);

  // Errors: {not_found} no such route or model, {usage} it isn't clear which route, {denied} a
  // banned provider or model, and as Ledger::reserve().
  void open_run(RunTerms terms, Reply<MeteredRun> done);
  // Its key is no good from now on, its calls are cut, and what they used is settled; then its
  // reservation goes back, and `done` is called; of each call, if it is closing already.
  // {not_found} where it isn't open.
  void close_run(const std::string& id, Reply<Done> done);
  // Closes all runs; opens none any more. What a ledger that can't write has not settled in time is
  // charged at the next start.
  void stop(std::function<void()> done);

  [[nodiscard]] std::size_t open_runs() const;
  // Those that calls may come from, by their ids.
  [[nodiscard]] std::vector<OpenRun> runs() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace host
