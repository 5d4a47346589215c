// SPDX-License-Identifier: Apache-2.0
#include "control/delivery_table.hpp"

#include <algorithm>
#include <limits>

#include "base/error.hpp"
#include "base/json.hpp"
#include "queue/job_table.hpp"
#include "store/unit.hpp"

namespace host {
namespace {

// In each transaction, so that forgetting keeps pace with a flood and never takes long.
constexpr int kForgetAtOnce = 50;

std::string job_ids(const std::vector<JobId>& jobs) {
  Json ids = Json::array();
  for (const JobId job : jobs) ids.push_back(job.value());
  return to_text(ids);
}

std::vector<JobId> read_ids(std::string_view text) {
  std::vector<JobId> jobs;
  for (const Json& id : parse_json(text, "the jobs of a delivery"))
    jobs.emplace_back(id.get<std::int64_t>());
  return jobs;
}

Delivery read_row(Statement& row) {
  Delivery delivery;
  delivery.id = row.integer(0);
  delivery.received = row.time(1);
  delivery.uuid = row.text(2);
  delivery.body_hash = row.text(3);
  delivery.event = {.kind = std::string(row.text(4)),
                    .action = std::string(row.text(5)),
                    .repo = std::string(row.text(6)),
                    .number = row.integer(7),
                    .ref = std::string(row.text(8)),
                    .sender = std::string(row.text(9))};
  delivery.jobs = read_ids(row.text(10));
  delivery.repeats = row.integer(11);
  return delivery;
}

void forget_old(Unit& unit, std::int64_t newest, WallTime now) {
  unit.run(
      "DELETE FROM deliveries WHERE id IN (SELECT id FROM (SELECT id, received FROM deliveries "
      "ORDER BY id LIMIT ?) WHERE received<? OR id<=?)",
      kForgetAtOnce, now - kDeliveryMemory, newest - kDeliveriesMost);
}

}  // namespace

std::vector<Inserted> insert_event_jobs(Unit& unit, const std::vector<NewJob>& jobs, WallTime now) {
  std::vector<Inserted> all;
  for (const NewJob& job : jobs) {
    all.push_back(insert_job(unit, job, now));
    if (all.back().duplicate) hasten_job(unit, all.back().id, now);
  }
  return all;
}

Taken take_delivery(Unit& unit, const Delivery& delivery, const std::vector<NewJob>& jobs,
                    WallTime now) {
  auto& known = unit.query("SELECT id FROM deliveries WHERE body_hash=? AND received>=?",
                           delivery.body_hash, delivery.received - kDeliveryMemory);
  if (known.step()) {
    const auto id = known.integer(0);
    unit.run("UPDATE deliveries SET repeats=repeats+1 WHERE id=?", id);
    return {.id = id, .duplicate = true, .jobs = {}};
  }
  // One that is past its time, but not forgotten yet.
  unit.run("DELETE FROM deliveries WHERE body_hash=?", delivery.body_hash);
  Taken taken;
  taken.jobs = insert_event_jobs(unit, jobs, now);
  std::vector<JobId> ids;
  for (const auto& job : taken.jobs) ids.push_back(job.id);
  const ForgeEvent& event = delivery.event;
  unit.run(
      "INSERT INTO deliveries(received, uuid, body_hash, kind, action, repo, number, ref, sender, "
      "jobs) VALUES(?,?,?,?,?,?,?,?,?,?)",
      delivery.received, delivery.uuid, delivery.body_hash, event.kind, event.action, event.repo,
      event.number, event.ref, event.sender, job_ids(ids));
  taken.id = unit.last_rowid();
  forget_old(unit, taken.id, delivery.received);
  return taken;
}

std::vector<Delivery> list_deliveries(Unit& unit, std::optional<std::int64_t> before, int limit) {
  auto& rows = unit.query(
      "SELECT id, received, uuid, body_hash, kind, action, repo, number, ref, sender, jobs, "
      "repeats FROM deliveries WHERE id<? ORDER BY id DESC LIMIT ?",
      before.value_or(std::numeric_limits<std::int64_t>::max()), limit);
  std::vector<Delivery> page;
  while (rows.step()) page.push_back(read_row(rows));
  return page;
}

Delivery find_delivery(Unit& unit, std::int64_t id) {
  auto& row = unit.query(
      "SELECT id, received, uuid, body_hash, kind, action, repo, number, ref, sender, jobs, "
      "repeats FROM deliveries WHERE id=?",
      id);
  if (!row.step())
    throw Error(Code::not_found, "no delivery " + std::to_string(id) + " is remembered",
                "See timmy-host webhooks list; deliveries are kept for seven days.");
  return read_row(row);
}

void add_delivery_jobs(Unit& unit, std::int64_t id, const std::vector<Inserted>& jobs) {
  auto ids = find_delivery(unit, id).jobs;
  for (const Inserted& job : jobs)
    if (std::find(ids.begin(), ids.end(), job.id) == ids.end()) ids.push_back(job.id);
  unit.run("UPDATE deliveries SET jobs=? WHERE id=?", job_ids(ids), id);
}

}  // namespace host
