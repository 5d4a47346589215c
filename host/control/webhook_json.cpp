// SPDX-License-Identifier: Apache-2.0
#include "control/webhook_json.hpp"

#include <algorithm>

namespace host {
namespace {

template <class Item, class Id>
Json ids_of(const std::vector<Item>& items, Id id) {
  Json ids = Json::array();
  for (const auto& item : items) ids.push_back(id(item).value());
  return ids;
}

Json to_json(const Delivery& delivery) {
  const ForgeEvent& event = delivery.event;
  return {
      {"id", delivery.id},          {"received", format_utc(delivery.received)},
      {"uuid", delivery.uuid},      {"event", event.kind},
      {"action", event.action},     {"repo", event.repo},
      {"number", event.number},     {"ref", event.ref},
      {"sender", event.sender},     {"jobs", ids_of(delivery.jobs, [](JobId job) { return job; })},
      {"repeats", delivery.repeats}};
}

}  // namespace

Json webhooks_report(const WebhookServer& server) {
  const auto address = server.address();
  const WebhookStats& stats = server.stats();
  return {{"address", address.empty() ? Json() : Json(address)},
          {"taken", stats.taken},
          {"duplicates", stats.duplicates},
          {"without_jobs", stats.without_jobs},
          {"refused", stats.unsigned_or_forged},
          {"malformed", stats.malformed},
          {"unstored", stats.unstored}};
}

Reply<std::vector<Delivery>> deliveries_reply(Reply<Json> done) {
  return [done = std::move(done)](Result<std::vector<Delivery>> page) {
    if (!page.ok()) return done(page.error());
    Json all = Json::array();
    for (const auto& delivery : page.value()) all.push_back(to_json(delivery));
    done(Json{{"deliveries", std::move(all)}});
  };
}

Reply<std::vector<Inserted>> replay_reply(std::int64_t id, Reply<Json> done) {
  return [id, done = std::move(done)](Result<std::vector<Inserted>> jobs) {
    if (!jobs.ok()) return done(jobs.error());
    const auto waited = std::count_if(jobs.value().begin(), jobs.value().end(),
                                      [](const Inserted& job) { return job.duplicate; });
    done(Json{{"delivery", id},
              {"jobs", ids_of(jobs.value(), [](const Inserted& job) { return job.id; })},
              {"waited_already", waited}});
  };
}

}  // namespace host
