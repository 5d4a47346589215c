// SPDX-License-Identifier: Apache-2.0
#include "control/item_routes.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "control/query.hpp"
#include "dispatch/item_store.hpp"
#include "services/service.hpp"

namespace host {
namespace {

using dispatch::Item;
using dispatch::ItemId;

constexpr std::int64_t kLongestWait = 30;  // seconds, for more of a log

Error no_such_path(const ServerRequest& request) {
  return {Code::not_found, "this host has no " + request.method + " " + request.path,
          "See docs/admin-api.md for what there is."};
}

ItemId id_in(const ServerRequest& request) {
  return ItemId(number_in(request.segments.at(2), "an item's id"));
}

Reply<Item> item_reply(Reply<Json> done) {
  return [done = std::move(done)](Result<Item> item) {
    done(attempt([&] { return dispatch::to_json(item.value()); }));
  };
}

dispatch::ItemFilter filter_in(const ServerRequest& request) {
  dispatch::ItemFilter filter;
  const auto state = query_value(request, "state"), number = query_value(request, "number"),
             before = query_value(request, "before");
  if (!state.empty()) {
    const auto parsed = attempt([&] { return dispatch::parse_item_state(state); });
    if (!parsed.ok())
      throw Error(Code::usage, parsed.error().message(), parsed.error().next_step());
    filter.state = parsed.value();
  }
  filter.live = query_value(request, "live") == "1";
  filter.repository = query_value(request, "repository");
  filter.playbook = query_value(request, "playbook");
  if (!number.empty()) filter.number = number_in(number, "number");
  if (!before.empty()) filter.before = ItemId(number_in(before, "before"));
  filter.limit = limit_in(query_value(request, "limit"));
  return filter;
}

void list(const ItemSources& sources, const ServerRequest& request, Reply<Json> done) {
  sources.store->read(
      [filter = filter_in(request)](Unit& unit) {
        auto rows = dispatch::list_items(unit, filter);
        Json all = Json::array();
        for (const auto& item : rows) all.push_back(dispatch::to_json(item));
        const bool more = static_cast<int>(rows.size()) == std::clamp(filter.limit, 1, 500);
        return Json{{"items", std::move(all)},
                    {"next", more ? Json(rows.back().id.value()) : Json()}};
      },
      std::move(done));
}

void show(const ItemSources& sources, ItemId id, Reply<Json> done) {
  sources.store->read(
      [id](Unit& unit) {
        Json item = dispatch::to_json(dispatch::read_item(unit, id));
        item["gates"] = Json::array();
        for (const auto& visit : dispatch::gate_visits(unit, id))
          item["gates"].push_back(dispatch::to_json(visit));
        return item;
      },
      std::move(done));
}

// Of the run that is asked for, else of the item's last one. An item that has run nothing yet has
// an empty log, which ends with it.
void log(const ItemSources& sources, const ServerRequest& request, Reply<Json> done) {
  const auto run = query_value(request, "run"), offset_text = query_value(request, "offset"),
             wait_text = query_value(request, "wait");
  const auto offset =
      offset_text.empty() ? 0 : static_cast<std::uint64_t>(number_in(offset_text, "offset"));
  const auto wait = std::chrono::seconds(
      wait_text.empty() ? 0 : std::min(number_in(wait_text, "wait"), kLongestWait));
  sources.store->read(
      [id = id_in(request)](Unit& unit) { return dispatch::read_item(unit, id); },
      [follow = sources.follow, run, offset, wait, done](Result<Item> found) {
        if (!found.ok()) return done(found.error());
        const auto& item = found.value();
        const auto asked = run.empty() ? item.run : run;
        if (asked.empty())
          return done(Json{{"run", nullptr}, {"text", ""}, {"next", 0}, {"ended", !item.live()}});
        if (dispatch::item_of_run(asked) != item.id)
          return done(
              Error(Code::not_found, fmt::format("item {} has no run {}", item.id.value(), asked)));
        if (!follow) return done(Error(Code::unsupported, "this host keeps no output of runs"));
        follow(asked, offset, wait, [asked, done](Result<Json> piece) {
          if (piece.ok()) piece.value()["run"] = asked;
          done(std::move(piece));
        });
      });
}

dispatch::DispatchOrder order_in(const Json& body) {
  dispatch::DispatchOrder order;
  order.repository = text_parameter(body, "repository");
  order.number = needed_number(body, "number");
  order.playbook = text_parameter(body, "playbook", "");
  order.lane = text_parameter(body, "lane", "");
  order.source = dispatch::kByOperator;
  return order;
}

Json preview_json(const dispatch::DispatchPreview& seen) {
  Json verdicts = Json::array();
  for (const auto& verdict : seen.verdicts)
    verdicts.push_back({{"playbook", verdict.playbook},
                        {"verdict", dispatch::name(verdict.kind)},
                        {"reasons", verdict.reasons},
                        {"lane", verdict.lane}});
  return {{"item", dispatch::to_json(seen.facts)},
          {"playbook", seen.playbook.empty() ? Json() : Json(seen.playbook)},
          {"lane", seen.lane.empty() ? Json() : Json(seen.lane)},
          {"taken", seen.reasons.empty()},
          {"reasons", seen.reasons},
          {"verdicts", std::move(verdicts)}};
}

void order(const ItemSources& sources, const Json& body, Reply<Json> done) {
  auto wanted = order_in(body);
  if (!body.value("dry_run", false))
    return sources.dispatcher->dispatch(std::move(wanted), item_reply(std::move(done)));
  sources.dispatcher->preview(std::move(wanted), [done](Result<dispatch::DispatchPreview> seen) {
    done(attempt([&] { return preview_json(seen.value()); }));
  });
}

}  // namespace

void read_items(const ItemSources& sources, const ServerRequest& request, Reply<Json> done) {
  const auto& path = request.segments;
  if (path.size() == 2) return list(sources, request, std::move(done));
  if (path.size() == 3) return show(sources, id_in(request), std::move(done));
  if (path.size() == 4 && path[3] == "log") return log(sources, request, std::move(done));
  throw no_such_path(request);
}

void change_items(const ItemSources& sources, const ServerRequest& request, const Json& body,
                  Reply<Json> done) {
  const auto& path = request.segments;
  if (path[1] == "continuity" && path.size() == 2) {
    if (!sources.flush_continuity)
      throw Error(Code::unsupported, "this host writes no notes of the day");
    return sources.flush_continuity(std::move(done));
  }
  if (path[1] != "items") throw no_such_path(request);
  if (path.size() == 2) return order(sources, body, std::move(done));
  if (path.size() == 4 && path[3] == "cancel")
    return sources.dispatcher->cancel(id_in(request),
                                      text_parameter(body, "why", "cancelled by an operator"),
                                      item_reply(std::move(done)));
  if (path.size() == 4 && path[3] == "retry")
    return sources.dispatcher->retry(id_in(request), item_reply(std::move(done)));
  throw no_such_path(request);
}

std::pair<std::string, std::string> audited_change(const ServerRequest& request, const Json& body) {
  const auto& path = request.segments;
  if (path[1] == "continuity") return {"continuity.flush", ""};
  if (path.size() == 4) return {"items." + path[3], path[2]};
  const auto repository = attempt([&] { return text_parameter(body, "repository"); });
  const auto number = attempt([&] { return number_parameter(body, "number", 0); });
  return {"items.dispatch", repository.ok() && number.ok()
                                ? fmt::format("{}#{}", repository.value(), number.value())
                                : ""};
}

}  // namespace host
