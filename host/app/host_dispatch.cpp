// SPDX-License-Identifier: Apache-2.0
#include "app/running_host.hpp"
#include "tokens/refusal.hpp"

namespace host {
namespace {

Error no_dispatcher(const std::string& fault) {
  return Error(Code::unavailable,
               fault.empty() ? "no playbook is on" : "no work is dispatched: " + fault,
               fault.empty() ? "Enable one in host.yaml, and reload the host." : "");
}

}  // namespace

// Without it the host goes on, and the next reload tries again.
void Host::open_dispatch() {
  dispatch_fault_.clear();
  if (!dispatches(config_.config)) return;
  const auto opened = attempt([this] {
    dispatch_ = std::make_unique<DispatchRoom>(
        DispatchGround{context_, loop_, store_, gitea_, clock_, [this] { return meter_.get(); },
                       [this] { return ledger_.today(); },
                       [this] { return ledger_.next_reset() + ledger_.clock_shift(); },
                       [this](const std::string& pipeline) { return why_paused(pipeline); },
                       [this] { return ledger_.budget_generation(); }, options_.paths,
                       installation_.supervisor, queue_.instance(), log_},
        config_.config);
  });
  if (opened.ok()) {
    if (admin_) admin_->set_items(dispatch_->sources());
    return dispatch_->start();
  }
  dispatch_fault_ = opened.error().message();
  log_.named("dispatch").error("no work is dispatched: {}", opened.error().what());
}

std::optional<std::string> Host::why_paused(const std::string& pipeline) const {
  const auto found = ledger_.pauses().find(pipeline);
  if (found == ledger_.pauses().end()) return std::nullopt;
  return pause_text(found->second);
}

void Host::add_dispatch_attention(Json& lines) const {
  if (!dispatch_fault_.empty()) lines.push_back("no work is dispatched: " + dispatch_fault_);
  if (dispatch_)
    for (const auto& line : dispatch_->attention()) lines.push_back(line);
}

void Host::stop_dispatch(const std::function<void()>& done) {
  if (!dispatch_) return done();
  dispatch_->drain(config_.config.queue.shutdown_grace, done);
}

void Host::Desk::dispatch(Order order, Reply<Json> reply) {
  if (!host_.dispatch_) return reply(no_dispatcher(host_.dispatch_fault_));
  host_.dispatch_->dispatch(std::move(order), std::move(reply));
}

void Host::Desk::preview(Order order, Reply<Json> reply) {
  if (!host_.dispatch_) return reply(no_dispatcher(host_.dispatch_fault_));
  host_.dispatch_->preview(std::move(order), std::move(reply));
}

void Host::Desk::status(std::int64_t item, Reply<Json> reply) {
  if (!host_.dispatch_) return reply(no_dispatcher(host_.dispatch_fault_));
  host_.dispatch_->status(item, std::move(reply));
}

}  // namespace host
