// SPDX-License-Identifier: Apache-2.0
//
// What an upstream streams: bytes, torn anywhere. However they are torn the events are the same,
// and what is settled is never negative, never above what a call can have, and nothing less than
// the hold unless the upstream said so.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "tokens/model_reply.hpp"
#include "tokens/sse.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

std::vector<host::SseEvent> read(std::string_view bytes, std::size_t step) {
  host::SseReader reader;
  std::vector<host::SseEvent> all;
  for (std::size_t at = 0; at < bytes.size(); at += step)
    for (auto& each : reader.read(bytes.substr(at, step))) all.push_back(std::move(each));
  for (auto& each : reader.finish()) all.push_back(std::move(each));
  return all;
}

void watch(const std::vector<host::SseEvent>& events) {
  const host::BannedModels banned({"anthropic"}, {"*claude*"});
  host::StreamWatch watch({"acme", 1, false, {host::HoldId(1), host::Tokens(10), host::Tokens(20)}},
                          banned);
  for (const auto& each : events) {
    if (each.comment) continue;
    const auto verdict = watch.take(each.data);
    const auto settlement = watch.settlement();
    if (settlement.usage) {
      const auto& usage = *settlement.usage;
      require(usage.input >= host::Tokens(0) && usage.output >= host::Tokens(0));
      require(usage.total() <= host::kMostUsage + host::kMostUsage + host::kMostUsage);
      require(usage.cache_read + usage.cache_write <= usage.input);
      require(usage.reasoning <= usage.output);
      if (settlement.source != host::UsageSource::meter) require(usage.total() > host::Tokens(30));
    } else {
      require(settlement.source == host::UsageSource::hold);
    }
    if (verdict.cut || verdict.done) return;
  }
  (void)watch.finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto events = read(bytes, std::max<std::size_t>(size, 1));
  const auto torn = read(bytes, 1 + size % 7);
  require(std::equal(events.begin(), events.end(), torn.begin(), torn.end(),
                     [](const auto& a, const auto& b) {
                       return a.name == b.name && a.data == b.data && a.comment == b.comment;
                     }));
  watch(events);
  std::string written;
  for (const auto& each : events) written += host::to_text(each);
  require(read(written, std::max<std::size_t>(written.size(), 1)).size() == events.size());
  return 0;
}
