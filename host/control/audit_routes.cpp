// SPDX-License-Identifier: Apache-2.0
#include "control/audit_routes.hpp"

#include <memory>
#include <utility>

#include "store/store.hpp"

namespace host {
namespace {

Json to_json(const AuditPage& page) {
  Json rows = Json::array();
  for (const auto& [id, entry] : page.rows)
    rows.push_back({{"id", id},
                    {"at", format_utc(entry.at)},
                    {"who", entry.who},
                    {"what", entry.what},
                    {"target", entry.target},
                    {"result", entry.result}});
  return {{"audit", std::move(rows)}, {"next", page.next ? Json(*page.next) : Json()}};
}

}  // namespace

void read_audit(Store& store, AuditFilter filter, std::optional<std::int64_t> before, int limit,
                Reply<Json> done) {
  const auto page = std::make_shared<AuditPage>();
  Store::Operation read;
  read.reads = true;
  read.work = [filter = std::move(filter), before, limit, page](Unit& unit) {
    *page = list_audit(unit, filter, before, limit);
  };
  read.done = [page, done = std::move(done)](const Status& status) {
    if (!status.ok()) return done(status.error());
    done(to_json(*page));
  };
  std::vector<Store::Operation> one;
  one.push_back(std::move(read));
  store.submit_all(std::move(one));
}

}  // namespace host
