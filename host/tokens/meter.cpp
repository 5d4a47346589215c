// SPDX-License-Identifier: Apache-2.0
#include "tokens/meter.hpp"

#include <fmt/core.h>
#include <openssl/rand.h>

#include <array>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <map>
#include <thread>
#include <utility>

#include "base/error.hpp"
#include "base/sha256.hpp"
#include "tokens/meter_runs.hpp"

namespace host {
namespace {

template <std::size_t kBytes>
std::string random_hex() {
  std::array<unsigned char, kBytes> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    throw Error(Code::internal, "there are no random numbers for a run's key");
  std::string out;
  for (const auto byte : bytes) out += fmt::format("{:02x}", byte);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return out;
}

void check_loopback(const SocketAddress& where) {
  if (!where.is_loopback())
    throw Error(Code::invalid,
                "the meter would listen on " + where.text() + ", where others reach it",
                "Let it listen on loopback: 127.0.0.1:0.");
}

}  // namespace

class Meter::Impl : public std::enable_shared_from_this<Meter::Impl> {
 public:
  Impl(Loop& loop, const LedgerFor& ledger_for, std::shared_ptr<const ModelRoutes> routes,
       std::shared_ptr<Redactor> redactor, const Log& log, const MeterOptions& options)
      : loop_(loop),
        log_(log.named("meter")),
        routes_(std::move(routes)),
        ledger_(ledger_for(loop)),
        last_writes_time_(options.last_writes),
        runs_(std::make_unique<MeterRuns>(ledger_for, routes_, std::move(redactor), log_, options)),
        address_(runs_->address()),
        guard_(boost::asio::make_work_guard(runs_->context())),
        thread_([context = &runs_->context()] { context->run(); }) {}

  ~Impl() {
    guard_.reset();
    runs_->context().stop();
    thread_.join();
  }

  [[nodiscard]] const SocketAddress& address() const { return address_; }

  std::shared_ptr<Place> take_place(const SocketAddress& where);
  void move_to(const std::shared_ptr<Place>& place);
  void leave(MeterRuns::PlacePointer place) {
    on_thread([place](MeterRuns& runs) { runs.leave(place); });
  }
  [[nodiscard]] std::size_t open_runs() const { return open_.size(); }
  [[nodiscard]] std::vector<OpenRun> runs() const {
    std::vector<OpenRun> runs;
    for (const auto& [id, run] : open_)
      if (run.reservation != ReservationId{}) runs.push_back(run);
    return runs;
  }

  void set_routes(std::shared_ptr<const ModelRoutes> routes) {
    routes_ = routes;
    on_thread([routes = std::move(routes)](MeterRuns& runs) { runs.set_routes(routes); });
  }

  void open_run(RunTerms terms, Reply<MeteredRun> done) {
    try {
      if (stopping_) throw Error(Code::unavailable, "the meter is stopping");
      const auto& route = routes_->pick(terms.route, terms.model);
      terms.route = route.name;
      const auto ban = routes_->banned.banning(route.provider, "-");
      if (!ban.empty())
        throw Error(Code::denied, "the route \"" + route.name + "\" is banned by " + ban,
                    "Take another route, or ask the operator (host.yaml, model: banned:).");
      std::optional<ModelName> only;
      if (terms.model) only = choose_model(route, routes_->banned, *terms.model).account;
      const auto id = terms.spender.run.empty() ? "r" + random_hex<8>() : terms.spender.run;
      if (open_.contains(id)) throw Error(Code::conflict, "the run " + id + " is open already");
      terms.spender.run = id;
      open_.emplace(id, OpenRun{});
      const Opening opening{id, {}, terms.route, {}, only, std::move(terms.caps), signs_of(terms)};
      ledger_->reserve({terms.spender, terms.reservation, only},
                       [weak = weak_from_this(), opening, done](Result<ReservationId> reserved) {
                         if (const auto self = weak.lock())
                           self->reserved(opening, std::move(reserved), done);
                       });
    } catch (const Error& error) {
      loop_.post([done, error] { done(error); });
    }
  }

  void close_run(const std::string& id, Reply<Done> done) {
    if (const auto closing = closing_.find(id); closing != closing_.end())
      return closing->second->push_back(std::move(done));
    const auto found = open_.find(id);
    if (found == open_.end() || found->second.reservation == ReservationId{}) {
      loop_.post([done, id] {
        done(Error(Code::not_found, "no run " + id + " is open",
                   "It was closed already, or the host was started since."));
      });
      return;
    }
    const auto reservation = std::exchange(found->second, OpenRun{}).reservation;
    const auto waiting = std::make_shared<std::vector<Reply<Done>>>(1, std::move(done));
    closing_.emplace(id, waiting);
    const auto all = [waiting](const Status& released) {
      for (const auto& each : *waiting) each(released);
    };
    on_thread([id, back = back([this, id, reservation, all] { closed(id, reservation, all); })](
                  MeterRuns& runs) { runs.close(id, back); });
  }

  void stop(std::function<void()> done) {
    stopped_ = std::move(done);
    stopping_ = true;
    std::vector<std::string> ids;
    for (const auto& [id, run] : open_) ids.push_back(id);
    for (const auto& id : ids) close_run(id, [](const Status&) {});
    if (open_.empty()) return loop_.post(std::exchange(stopped_, nullptr));
    last_writes_ = loop_.after(last_writes_time_, [this] {
      if (!stopped_) return;
      log_.warn("{} runs are not settled yet, and are charged all that they hold at the next start",
                open_.size());
      std::exchange(stopped_, nullptr)();
    });
  }

 private:
  using Opening = MeterRuns::Opening;

  void reserved(Opening opening, Result<ReservationId> reserved, const Reply<MeteredRun>& done) {
    if (!reserved.ok()) {
      forget(opening.id);
      return done(reserved.error());
    }
    if (stopping_)
      return closed(opening.id, reserved.value(), [done](const Status&) {
        done(Error(Code::unavailable, "the meter is stopping"));
      });
    open_[opening.id] = {reserved.value(), opening.caps};
    Secret key("tk-" + random_hex<32>());
    opening.key_hash = sha256_hex(key.expose());
    opening.reservation = reserved.value();
    const MeteredRun run{opening.id, opening.route, "http://" + address_.text() + "/v1", key};
    // A call with the key can only come after the key was handed over.
    on_thread([opening, back = back([run, done] { done(run); })](MeterRuns& runs) {
      runs.open(opening);
      back();
    });
  }

  void closed(const std::string& id, ReservationId reservation, const Reply<Done>& done) {
    ledger_->release(reservation, [weak = weak_from_this(), id, done](Status released) {
      if (const auto self = weak.lock()) self->forget(id);
      done(std::move(released));
    });
  }

  void forget(const std::string& id) {
    open_.erase(id);
    closing_.erase(id);
    if (stopped_ && open_.empty()) loop_.post(std::exchange(stopped_, nullptr));
  }

  // The same, to be called on the meter's thread.
  [[nodiscard]] std::shared_ptr<RunSignals> signs_of(const RunTerms& terms) {
    return std::make_shared<RunSignals>(
        terms.signs, [loop = &loop_, weak = weak_from_this()](std::function<void()> work) {
          loop->post([weak, work = std::move(work)] {
            if (!weak.expired()) work();
          });
        });
  }

  void on_thread(std::function<void(MeterRuns&)> work) {
    boost::asio::post(runs_->context(),
                      [runs = runs_.get(), work = std::move(work)] { work(*runs); });
  }
  // To be called on the thread: `work` is done on the host's loop, unless the meter has gone.
  std::function<void()> back(std::function<void()> work) {
    return [loop = &loop_, weak = weak_from_this(), work = std::move(work)] {
      loop->post([weak, work] {
        if (const auto self = weak.lock()) work();
      });
    };
  }

  Loop& loop_;
  Log log_;
  std::shared_ptr<const ModelRoutes> routes_;
  std::unique_ptr<CallLedger> ledger_;
  // By id; no reservation: it is being opened or closed.
  std::map<std::string, OpenRun> open_;
  // Who is to be told once such a run is closed.
  std::map<std::string, std::shared_ptr<std::vector<Reply<Done>>>> closing_;
  bool stopping_ = false;
  std::function<void()> stopped_;
  Duration last_writes_time_;
  Timer last_writes_;
  std::unique_ptr<MeterRuns> runs_;
  SocketAddress address_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_;
  std::thread thread_;
};

class Meter::Place {
 public:
  Place(Impl& meter, MeterRuns::PlacePointer place) : meter_(&meter), place_(place) {}
  ~Place() {
    if (meter_ != nullptr) meter_->leave(place_);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  [[nodiscard]] MeterRuns::PlacePointer keep() {
    meter_ = nullptr;
    return place_;
  }

 private:
  Impl* meter_;
  MeterRuns::PlacePointer place_;
};

std::shared_ptr<Meter::Place> Meter::Impl::take_place(const SocketAddress& where) {
  check_loopback(where);
  std::promise<Result<MeterRuns::PlacePointer>> taken;
  on_thread(
      [&](MeterRuns& runs) { taken.set_value(attempt([&] { return runs.take_place(where); })); });
  return std::make_shared<Place>(*this, taken.get_future().get().value());
}

void Meter::Impl::move_to(const std::shared_ptr<Place>& place) {
  const auto to = place->keep();
  address_ = to->address;
  on_thread([to](MeterRuns& runs) { runs.move_to(to); });
}

Meter::Meter(Loop& loop, const LedgerFor& ledger_for, std::shared_ptr<const ModelRoutes> routes,
             std::shared_ptr<Redactor> redactor, Log log, MeterOptions options) {
  check_loopback(options.listen);
  impl_ = std::make_shared<Impl>(loop, ledger_for, std::move(routes), std::move(redactor), log,
                                 options);
}
Meter::~Meter() = default;
const SocketAddress& Meter::address() const { return impl_->address(); }
std::shared_ptr<Meter::Place> Meter::take_place(const SocketAddress& where) {
  return impl_->take_place(where);
}
void Meter::move_to(const std::shared_ptr<Place>& place) { impl_->move_to(place); }
void Meter::set_routes(std::shared_ptr<const ModelRoutes> routes) {
  impl_->set_routes(std::move(routes));
}
void Meter::open_run(RunTerms terms, Reply<MeteredRun> done) {
  impl_->open_run(std::move(terms), std::move(done));
}
void Meter::close_run(const std::string& id, Reply<Done> done) {
  impl_->close_run(id, std::move(done));
}
void Meter::stop(std::function<void()> done) { impl_->stop(std::move(done)); }
std::size_t Meter::open_runs() const { return impl_->open_runs(); }
std::vector<OpenRun> Meter::runs() const { return impl_->runs(); }

}  // namespace host
