// SPDX-License-Identifier: Apache-2.0
#include "meter_bench.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <cstring>
#include <thread>

#include "bare_loop.hpp"
#include "base/redactor.hpp"
#include "base/test_folder.hpp"
#include "http/client.hpp"
#include "proc.hpp"
#include "store/threaded_store.hpp"
#include "tokens/ledger.hpp"
#include "tokens/meter.hpp"

namespace bench {
namespace {

using namespace host;
namespace asio = boost::asio;
using asio::ip::tcp;

constexpr int kStreams = 100;
constexpr int kEventsOfBlock = 64;
constexpr const char* kReply =
    R"({"id":"c1","object":"chat.completion","created":1,"model":"small","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}})";
constexpr const char* kEvent =
    "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"small\","
    "\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word\"},\"finish_reason\":null}]}\n\n";
constexpr const char* kEnd =
    "data: "
    "{\"model\":\"small\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}"
    "\n\ndata: {\"model\":\"small\",\"choices\":[],\"usage\":{\"prompt_tokens\":10,"
    "\"completion_tokens\":5,\"total_tokens\":15}}\n\ndata: [DONE]\n\n";

// The bodies end so, also behind the meter, which writes the bound last.
constexpr const char* kLastOfBody = R"("max_tokens":1000000})";

std::string block_of_events() {
  std::string block;
  for (int i = 0; i < kEventsOfBlock; ++i) block += kEvent;
  return block;
}

// An upstream on a thread of its own. What it streams it makes as it goes. It keeps connections.
class Upstream {
 public:
  Upstream() : acceptor_(context_, {asio::ip::address_v4::loopback(), 0}) {
    accept();
    thread_ = std::thread([this] { context_.run(); });
  }
  ~Upstream() {
    context_.stop();
    thread_.join();
  }
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  [[nodiscard]] std::string url() const {
    return fmt::format("http://127.0.0.1:{}/v1", acceptor_.local_endpoint().port());
  }
  std::atomic<int> blocks = 1;  // of a stream

 private:
  struct Peer {
    explicit Peer(asio::io_context& context) : socket(context) {}
    tcp::socket socket;
    asio::streambuf received;
    int left = 0;
  };
  using PeerPointer = std::shared_ptr<Peer>;

  void accept() {
    auto peer = std::make_shared<Peer>(context_);
    acceptor_.async_accept(peer->socket, [this, peer](auto failed) {
      if (failed) return;
      peer->socket.set_option(tcp::no_delay(true));
      read(peer);
      accept();
    });
  }
  void read(const PeerPointer& peer) {
    asio::async_read_until(peer->socket, peer->received, kLastOfBody,
                           [this, peer](auto broken, auto size) {
                             if (!broken) answer(peer, size);
                           });
  }
  void answer(const PeerPointer& peer, std::size_t size) {
    const std::string asked(static_cast<const char*>(peer->received.data().data()), size);
    peer->received.consume(size);
    if (asked.find("\"stream\":true") == std::string::npos)
      return send(peer,
                  fmt::format("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                              "Content-Length: {}\r\n\r\n{}",
                              std::strlen(kReply), kReply),
                  [this, peer] { read(peer); });
    peer->left = blocks;
    const auto head = std::make_shared<std::string>(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n");
    asio::async_write(peer->socket, asio::buffer(*head), [this, peer, head](auto failed, auto) {
      if (!failed) stream(peer);
    });
  }
  void stream(const PeerPointer& peer) {
    if (peer->left-- == 0) return send(peer, kEnd);
    asio::async_write(peer->socket, asio::buffer(block_), [this, peer](auto failed, auto) {
      if (!failed) stream(peer);
    });
  }
  static void send(const PeerPointer& peer, std::string last, std::function<void()> then = {}) {
    const auto bytes = std::make_shared<std::string>(std::move(last));
    asio::async_write(peer->socket, asio::buffer(*bytes), [peer, bytes, then](auto failed, auto) {
      if (!failed && then) then();
    });
  }

  const std::string block_ = block_of_events();
  asio::io_context context_;
  tcp::acceptor acceptor_;
  std::thread thread_;
};

// A host's ledger on a database of its own, and a meter before it. This thread is the host's loop.
class Field {
 public:
  Field()
      : store_({.path = folder_.path() / "host.db"}, loop_, log_,
               [](const Error& error) { throw error; }),
        ledger_(store_, loop_, clock_, log_, "bench"),
        http_(context_, loop_, keeping()) {
    wait<Ledger::Recovery>([&](auto done) { ledger_.recover(done); });
    wait<Done>([&](auto done) {
      ledger_.set_budget(parse_budget(R"({"day": {"tokens": 1000000000000}})", "bench"), done);
    });
    ModelRoute route;
    route.name = "main";
    route.url = upstream.url();
    route.provider = "acme";
    route.models = {"*"};
    route.max_output = Tokens(1'000'000);
    MeterOptions options;
    options.calls_of_run = kStreams;
    meter_ = std::make_unique<Meter>(
        loop_, [this](Loop& callers) { return make_call_ledger(ledger_, loop_, callers); },
        std::make_shared<ModelRoutes>(ModelRoutes{{route}, {}}), redactor_, log_, options);
    RunTerms terms;
    terms.route = "main";
    terms.reservation = Tokens(100'000'000'000);
    run_ = wait<MeteredRun>([&](auto done) { meter_->open_run(terms, done); });
  }

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }
  [[nodiscard]] std::string metered_url() const { return run_.url; }

  // Microseconds of a call that is not streamed.
  double call(const std::string& url) {
    HttpRequest request;
    request.method = "POST";
    request.url = url + "/chat/completions";
    request.headers = {{"authorization", "Bearer " + run_.key.expose()}};
    request.body =
        R"({"model":"small","messages":[{"role":"user","content":"hello"}],"max_tokens":1000000})";
    const auto start = std::chrono::steady_clock::now();
    const auto reply =
        wait<HttpResponse>([&](auto done) { http_.send(std::move(request), std::move(done)); });
    if (reply.status != 200) throw Error(Code::internal, "a call failed: " + reply.body);
    return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
        .count();
  }

  // Events a second of all streams together. `anonymous`: KiB of this process when half has come.
  double streams(const std::string& url, double* anonymous = nullptr) {
    const auto colon = url.rfind(':');
    const auto port = static_cast<std::uint16_t>(std::stoi(url.substr(colon + 1)));
    const std::string body =
        R"({"model":"small","messages":[],"stream":true,"max_tokens":1000000})";
    const std::string request = fmt::format(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n"
        "Content-Length: {}\r\nConnection: close\r\n\r\n{}",
        run_.key.expose(), body.size(), body);
    const auto start = std::chrono::steady_clock::now();
    const double events = 1.0 * kStreams * kEventsOfBlock * upstream.blocks;
    const double half = events * std::strlen(kEvent) / 2;
    std::vector<std::shared_ptr<Reader>> readers;
    double read = 0;
    int ended = 0;
    for (int i = 0; i < kStreams; ++i) {
      readers.push_back(std::make_shared<Reader>(context_, port));
      asio::write(readers.back()->socket, asio::buffer(request));
      readers.back()->read([&](std::size_t size) {
        ended += size == 0 ? 1 : 0;
        if (anonymous != nullptr && read < half && read + static_cast<double>(size) >= half)
          *anonymous = memory_of(::getpid(), "Anonymous");
        read += static_cast<double>(size);
      });
    }
    context_.restart();
    while (ended < kStreams) context_.run_one();
    if (read < 2 * half) throw Error(Code::internal, "a stream was cut");
    return events / Seconds(std::chrono::steady_clock::now() - start).count();
  }

  Upstream upstream;

 private:
  // As clients and servers of models do.
  static CurlOptions keeping() {
    CurlOptions options;
    options.reuse_for_posts = std::chrono::seconds(1);
    return options;
  }
  struct Reader : std::enable_shared_from_this<Reader> {
    Reader(asio::io_context& context, std::uint16_t port) : socket(context) {
      socket.connect({asio::ip::address_v4::loopback(), port});
    }
    void read(std::function<void(std::size_t)> got) {
      socket.async_read_some(asio::buffer(block),
                             [self = shared_from_this(), got](auto failed, auto size) {
                               if (failed) return got(0);
                               got(size);
                               self->read(got);
                             });
    }
    tcp::socket socket;
    std::array<char, 16384> block{};
  };

  template <class T, class Ask>
  T wait(Ask ask) {
    std::optional<Result<T>> answer;
    ask(Reply<T>([&](Result<T> result) { answer = std::move(result); }));
    context_.restart();
    while (!answer) context_.run_one();
    return std::move(*answer).value();
  }

  TestFolder folder_;
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  SystemClock clock_;
  AsioLoop loop_{context_, clock_};
  std::shared_ptr<Redactor> redactor_ = std::make_shared<Redactor>();
  Log log_ = Log::to_stderr(Level::error, redactor_);
  ThreadedStore store_;
  Ledger ledger_;
  CurlClient http_;
  std::unique_ptr<Meter> meter_;
  MeteredRun run_;
};

}  // namespace

void meter_latency(const Output& output) {
  constexpr int kCalls = 500;
  Field field;
  for (int i = 0; i < 50; ++i) (void)field.call(field.metered_url());
  Series sync, p50, p99;
  for (int run = 0; run < kRuns; ++run) {
    sync.run([&] { return median(fdatasync_times(field.folder(), 1000)); });
    std::vector<double> direct, metered;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < kCalls; ++i) {
      direct.push_back(field.call(field.upstream.url()));
      metered.push_back(field.call(field.metered_url()));
    }
    const Seconds took = std::chrono::steady_clock::now() - start;
    p50.add(percentile(metered, 0.5) - percentile(direct, 0.5), took);
    p99.add(percentile(metered, 0.99) - percentile(direct, 0.99), took);
  }
  const std::string what =
                        "a call that is not streamed, less the same to the upstream directly, "
                        "500 calls each in turns; ",
                    baseline = "; baseline: median of 1,000 fdatasync, " + sync.note();
  output.print(
      {"meter.added_latency.p50", p50.median(), "us", sync.median(), what + p50.note() + baseline});
  output.print(
      {"meter.added_latency.p99", p99.median(), "us", sync.median(), what + p99.note() + baseline});
}

void meter_streams(const Output& output) {
  constexpr int kBlocks = 100;
  Field field;
  const auto through = [&](int blocks, double* anonymous = nullptr) {
    field.upstream.blocks = blocks;
    return field.streams(field.metered_url(), anonymous);
  };
  (void)through(kBlocks / 10);
  Series direct, metered, longer, shorter;
  for (int run = 0; run < kRuns; ++run) {
    field.upstream.blocks = kBlocks;
    direct.run([&] { return field.streams(field.upstream.url()); });
    double anonymous = 0;
    (void)through(kBlocks / 10, &anonymous);
    shorter.add(anonymous, Seconds(0));
    metered.run([&] { return through(kBlocks, &anonymous); });
    longer.add(anonymous, Seconds(0));
  }
  output.print({"meter.streams", metered.median(), "events/s", direct.median(),
                fmt::format("{} streams of {} events at once; {}; baseline: read directly, {}",
                            kStreams, kBlocks * kEventsOfBlock, metered.note(), direct.note())});
  output.print({"meter.streams.memory", longer.median(), "KiB", shorter.median(),
                fmt::format("anonymous memory of host, upstream and clients half-way; {}; "
                            "baseline: streams a tenth as long, {}",
                            longer.note(), shorter.note())});
}

}  // namespace bench
