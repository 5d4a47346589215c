// SPDX-License-Identifier: Apache-2.0
#include "http/client.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/loop.hpp"
#include "http/curl.hpp"

namespace host {
namespace {

namespace asio = boost::asio;

// A socket of libcurl's that the loop watches. libcurl opens and closes it.
struct Watch {
  Watch(asio::io_context& context, int fd) : socket(context, fd) {}
  ~Watch() { forget(); }
  void forget() {
    if (socket.is_open()) (void)socket.release();
  }
  asio::posix::stream_descriptor socket;
  int wanted = 0;  // CURL_POLL_IN | CURL_POLL_OUT
  bool reading = false;
  bool writing = false;
};

}  // namespace

class CurlClient::Impl : public std::enable_shared_from_this<CurlClient::Impl> {
 public:
  Impl(asio::io_context& context, Loop& loop, CurlOptions options)
      : context_(context), loop_(loop), options_(std::move(options)) {}
  ~Impl() { shut(); }

  void send(HttpRequest request, Reply<HttpResponse> reply, std::shared_ptr<CurlFlow> flow = {}) {
    try {
      open();
      auto transfer = std::make_unique<CurlTransfer>(std::move(request), reply, options_, sockets_,
                                                     std::move(flow));
      CURL* easy = transfer->easy();
      if (curl_multi_add_handle(multi_.get(), easy) != CURLM_OK)
        throw Error(Code::unavailable, "libcurl took no further request");
      if (transfer->flow()) transfer->flow()->easy = easy, transfer->flow()->touched = &touched_;
      transfers_.emplace(easy, std::move(transfer));
    } catch (...) {
      rest_if_idle();
      loop_.post([weak = weak_from_this(), reply = std::move(reply), error = current_error()] {
        const auto self = weak.lock();
        if (self && !self->closed_) reply(error);
      });
    }
  }

  // The head's reply was given to the flow already; send() keeps one for what goes wrong at once.
  void send_flow(HttpRequest request, const std::shared_ptr<CurlFlow>& flow) {
    send(
        std::move(request),
        [flow](Result<HttpResponse> failed) {
          if (flow->head && !failed.ok()) std::exchange(flow->head, nullptr)(failed.error());
        },
        flow);
  }

  void read(const std::shared_ptr<CurlFlow>& flow, Reply<std::string> reader) {
    flow->reader = std::move(reader);
    if (flow->ready.empty() && std::exchange(flow->paused, false)) {
      const auto at = find(*flow);
      if (at != transfers_.end()) curl_easy_pause(at->first, CURLPAUSE_CONT);
    }
    if (flow->ready.empty() && !flow->end) return;
    loop_.post([weak = weak_from_this(), flow] {
      if (const auto self = weak.lock(); self && !self->closed_) self->deliver(flow);
    });
  }

  void cancel(CurlFlow& flow) {
    flow.head = nullptr;
    flow.reader = nullptr;
    const auto at = find(flow);
    if (at == transfers_.end()) return;
    curl_multi_remove_handle(multi_.get(), at->first);
    transfers_.erase(at);
    rest_if_idle();
  }

  void close() {
    closed_ = true;
    shut();
  }

  [[nodiscard]] std::size_t active() const { return transfers_.size(); }

 private:
  using Transfers = std::map<CURL*, std::unique_ptr<CurlTransfer>>;
  struct Finished {
    Reply<HttpResponse> reply;
    Result<HttpResponse> result;
  };

  void open() {
    idle_.cancel();
    if (multi_) return;
    if (!global_) global_.emplace();
    multi_.reset(curl_multi_init());
    if (!multi_) throw Error(Code::unavailable, "out of memory");
    CURLM* multi = multi_.get();
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, &Impl::on_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, &Impl::on_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, static_cast<long>(options_.connections_kept));
    // What can't be repeated does not share its connection with others, to be lost with them.
    if (options_.reuse_for_posts > Duration::zero())
      curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
  }

  void shut() {
    idle_.cancel();
    timer_.cancel();
    if (!multi_) return;
    for (const auto& [easy, transfer] : transfers_) curl_multi_remove_handle(multi_.get(), easy);
    transfers_.clear();
    curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETFUNCTION, nullptr);
    curl_multi_setopt(multi_.get(), CURLMOPT_TIMERFUNCTION, nullptr);
    watches_.clear();
    multi_.reset();
    timer_.cancel();
  }

  static int on_socket(CURL*, curl_socket_t fd, int what, void* self, void*) {
    auto& impl = *static_cast<Impl*>(self);
    if (what == CURL_POLL_REMOVE) {
      // Now: the watch may live on in a handler that is running, and the descriptor come again.
      if (const auto found = impl.watches_.find(fd); found != impl.watches_.end()) {
        found->second->forget();
        impl.watches_.erase(found);
      }
      return 0;
    }
    auto& watch = impl.watches_[fd];
    try {
      if (!watch) watch = std::make_shared<Watch>(impl.context_, fd);
      watch->wanted = what;
      impl.wait(watch);
      return 0;
    } catch (...) {
      impl.watches_.erase(fd);
      return -1;
    }
  }

  static int on_timer(CURLM*, long ms, void* self) {
    auto& impl = *static_cast<Impl*>(self);
    impl.timer_.cancel();
    if (ms >= 0)
      impl.timer_ = impl.loop_.after(std::chrono::milliseconds(ms),
                                     [&impl] { impl.act(CURL_SOCKET_TIMEOUT, 0); });
    return 0;
  }

  void wait(const std::shared_ptr<Watch>& watch) {
    if ((watch->wanted & CURL_POLL_IN) != 0 && !std::exchange(watch->reading, true))
      watch->socket.async_wait(asio::posix::stream_descriptor::wait_read,
                               ready(watch, &Watch::reading, CURL_CSELECT_IN));
    if ((watch->wanted & CURL_POLL_OUT) != 0 && !std::exchange(watch->writing, true))
      watch->socket.async_wait(asio::posix::stream_descriptor::wait_write,
                               ready(watch, &Watch::writing, CURL_CSELECT_OUT));
  }

  std::function<void(const boost::system::error_code&)> ready(const std::shared_ptr<Watch>& watch,
                                                              bool Watch::*waiting, int event) {
    return [impl = weak_from_this(), weak = std::weak_ptr<Watch>(watch), waiting,
            event](const boost::system::error_code& failed) {
      const auto self = impl.lock();
      const auto watched = weak.lock();
      if (!self || !watched || failed == asio::error::operation_aborted) return;
      (*watched).*waiting = false;
      const int fd = watched->socket.native_handle();
      const bool wanted =
          (watched->wanted & (event == CURL_CSELECT_IN ? CURL_POLL_IN : CURL_POLL_OUT)) != 0;
      if (wanted) self->act(fd, event);
      const auto again = self->watches_.find(fd);
      if (again != self->watches_.end() && again->second == watched) self->wait(watched);
    };
  }

  void act(curl_socket_t fd, int events) {
    const auto self = shared_from_this();
    int running = 0;
    curl_multi_socket_action(multi_.get(), fd, events, &running);
    auto finished = collect();
    // A reply may destroy the client.
    for (auto& each : finished) {
      if (closed_) return;
      each.reply(std::move(each.result));
    }
    for (const auto& flow : std::exchange(touched_, {}))
      if (!closed_) deliver(flow);
  }

  // Outside of libcurl, which must not be called from its own callbacks.
  void deliver(const std::shared_ptr<CurlFlow>& flow) {
    if (flow->head && flow->arrived) {
      std::exchange(flow->head, nullptr)(std::move(*flow->arrived));
    } else if (flow->head && flow->end && !flow->end->ok()) {
      std::exchange(flow->head, nullptr)(flow->end->error());
    }
    if (!flow->reader || closed_ || (flow->ready.empty() && !flow->end)) return;
    const auto reader = std::exchange(flow->reader, nullptr);
    if (!flow->ready.empty() || flow->end->ok())
      reader(std::exchange(flow->ready, {}));
    else
      reader(flow->end->error());
  }

  std::vector<Finished> collect() {
    std::vector<Finished> finished;
    int left = 0;
    bool ended = false;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURL* easy = message->easy_handle;
      const CURLcode code = message->data.result;
      const auto at = transfers_.find(easy);
      if (code == CURLE_ABORTED_BY_CALLBACK && at->second->begin_anew()) {
        curl_multi_remove_handle(multi_.get(), easy);
        if (curl_multi_add_handle(multi_.get(), easy) == CURLM_OK) continue;
      }
      auto result = at->second->result(code);
      if (const auto& flow = at->second->flow()) {
        flow->end = result.ok() ? Status(Done{}) : Status(result.error());
        touched_.push_back(flow);
      } else {
        finished.push_back({at->second->take_reply(), std::move(result)});
      }
      curl_multi_remove_handle(multi_.get(), easy);
      transfers_.erase(at);
      ended = true;
    }
    if (ended) rest_if_idle();
    return finished;
  }

  // A handle's address may have been given to a later transfer.
  Transfers::iterator find(const CurlFlow& flow) {
    const auto at = transfers_.find(flow.easy);
    return at != transfers_.end() && at->second->flow().get() == &flow ? at : transfers_.end();
  }

  void rest_if_idle() {
    if (multi_ && transfers_.empty()) idle_ = loop_.after(options_.idle_after, [this] { shut(); });
  }

  asio::io_context& context_;
  Loop& loop_;
  CurlOptions options_;
  std::optional<CurlGlobal> global_;
  Transfers transfers_;
  std::vector<std::shared_ptr<CurlFlow>> touched_;  // something has come for their readers
  std::map<curl_socket_t, std::shared_ptr<Watch>> watches_;
  Timer timer_;
  Timer idle_;
  bool closed_ = false;
  CurlSockets sockets_;
  CurlMulti multi_;
};

class CurlClient::Body final : public HttpBody {
 public:
  Body(std::weak_ptr<Impl> impl, std::shared_ptr<CurlFlow> flow)
      : impl_(std::move(impl)), flow_(std::move(flow)) {}
  ~Body() override {
    if (const auto impl = impl_.lock()) impl->cancel(*flow_);
  }
  void read(Reply<std::string> reply) override {
    if (const auto impl = impl_.lock()) impl->read(flow_, std::move(reply));
  }

 private:
  std::weak_ptr<Impl> impl_;
  std::shared_ptr<CurlFlow> flow_;
};

const std::string* HttpResponse::header(std::string_view name) const {
  const auto found = std::find_if(headers.begin(), headers.end(),
                                  [&](const auto& header) { return header.first == name; });
  return found == headers.end() ? nullptr : &found->second;
}

CurlClient::CurlClient(asio::io_context& context, Loop& loop, CurlOptions options)
    : impl_(std::make_shared<Impl>(context, loop, std::move(options))) {}
CurlClient::~CurlClient() { impl_->close(); }
void CurlClient::send(HttpRequest request, Reply<HttpResponse> reply) {
  impl_->send(std::move(request), std::move(reply));
}
std::unique_ptr<HttpBody> CurlClient::open(HttpRequest request, Reply<HttpResponse> head) {
  auto flow = std::make_shared<CurlFlow>();
  flow->head = std::move(head);
  auto body = std::make_unique<Body>(impl_, flow);
  impl_->send_flow(std::move(request), flow);
  return body;
}
std::size_t CurlClient::active() const { return impl_->active(); }

}  // namespace host
