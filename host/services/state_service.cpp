// SPDX-License-Identifier: Apache-2.0
#include "services/state_service.hpp"

#include <algorithm>

#include "queue/job_table.hpp"
#include "store/store.hpp"
#include "store/unit.hpp"

namespace host {
namespace {

constexpr std::size_t kKeyCap = 256;
constexpr std::size_t kValueCap = 64 * 1024;
constexpr int kListCap = 1000;

std::optional<std::string> read_value(Unit& unit, const std::string& plugin,
                                      const std::string& key) {
  auto& select = unit.query("SELECT value FROM state WHERE plugin = ?1 AND key = ?2", plugin, key);
  if (!select.step()) return std::nullopt;
  return select.string(0);
}

void write_value(Unit& unit, const std::string& plugin, const std::string& key,
                 const std::optional<std::string>& value, WallTime now) {
  if (!value) return unit.run("DELETE FROM state WHERE plugin = ?1 AND key = ?2", plugin, key);
  unit.run(
      "INSERT INTO state (plugin, key, value, updated) VALUES (?1, ?2, ?3, ?4)"
      " ON CONFLICT (plugin, key) DO UPDATE SET value = ?3, updated = ?4",
      plugin, key, Bytes{*value}, now);
}

// Keys from `prefix` up, at most kListCap. A range, not LIKE: the index serves it, and nothing in
// the prefix is special.
std::vector<std::string> read_keys(Unit& unit, const std::string& plugin,
                                   const std::string& prefix) {
  auto& select =
      unit.query("SELECT key FROM state WHERE plugin = ?1 AND key >= ?2 ORDER BY key LIMIT ?3",
                 plugin, prefix, kListCap);
  std::vector<std::string> keys;
  while (select.step()) {
    std::string key = select.string(0);
    if (!key.starts_with(prefix)) break;
    keys.push_back(std::move(key));
  }
  return keys;
}

struct Write {
  std::string key;
  Json value;
  std::optional<std::string> text;  // nullopt: remove
};

Write parse_write(const Json& params) {
  Write write{text_parameter(params, "key"), params.value("value", Json()), std::nullopt};
  if (write.key.size() > kKeyCap)
    throw Error(Code::too_large, "a key of state/1 is at most 256 bytes long");
  if (write.value.is_null()) return write;
  write.text = to_text(write.value);
  if (write.text->size() > kValueCap)
    throw Error(Code::too_large, "the value of \"" + write.key + "\" is larger than 64 KiB",
                "Keep state small; put bulk data into a granted folder.");
  return write;
}

class StateService final : public Service {
 public:
  StateService(Store& store, const Clock& clock) : store_(&store), clock_(&clock) {}

  [[nodiscard]] std::string_view id() const override { return "state/1"; }

  void call(const std::shared_ptr<RunContext>& run, std::string_view method, const Json& params,
            Reply<Json> reply) override {
    if (method == "get") return get(run, text_parameter(params, "key"), std::move(reply));
    if (method == "put") return put(run, parse_write(params), std::move(reply));
    if (method == "put_now") return put_now(run, parse_write(params), std::move(reply));
    if (method == "list") return list(run, text_parameter(params, "prefix", ""), std::move(reply));
    throw Error(Code::usage, "state/1 has no method \"" + std::string(method) + "\"",
                "It has get, put, put_now and list.");
  }

 private:
  void get(const std::shared_ptr<RunContext>& run, std::string key, Reply<Json> reply) {
    if (const auto own = run->staged_state.find(key); own != run->staged_state.end())
      return reply(Json{{"value", own->second}});
    store_->run([plugin = run->plugin, key](Unit& unit) { return read_value(unit, plugin, key); },
                [reply = std::move(reply)](Result<std::optional<std::string>> value) {
                  reply(attempt([&] {
                    const auto text = std::move(value).value();
                    return Json{{"value", text ? parse_json(*text, "a stored value") : Json()}};
                  }));
                });
  }

  void put(const std::shared_ptr<RunContext>& run, Write write, Reply<Json> reply) {
    count_staged(*run, write.key.size() + (write.text ? write.text->size() : 0));
    run->staged_state[write.key] = std::move(write.value);
    reply(Json::object());
  }

  void put_now(const std::shared_ptr<RunContext>& run, Write write, Reply<Json> reply) {
    run->staged_state.erase(write.key);
    store_->run(
        [plugin = run->plugin, id = run->run, write, now = clock_->wall()](Unit& unit) {
          require_current(unit, id);
          write_value(unit, plugin, write.key, write.text, now);
        },
        [reply = std::move(reply)](Status done) {
          reply(attempt([&] { return (void)done.value(), Json::object(); }));
        });
  }

  void list(const std::shared_ptr<RunContext>& run, std::string prefix, Reply<Json> reply) {
    store_->run(
        [plugin = run->plugin, prefix](Unit& unit) { return read_keys(unit, plugin, prefix); },
        [run, prefix, reply = std::move(reply)](Result<std::vector<std::string>> stored) {
          reply(attempt([&] {
            const auto& keys = stored.value();
            std::set<std::string> all(keys.begin(), keys.end());
            for (const auto& [key, value] : run->staged_state) {
              if (!key.starts_with(prefix)) continue;
              if (value.is_null())
                all.erase(key);
              else
                all.insert(key);
            }
            return Json{{"keys", all}};
          }));
        });
  }

  Store* store_;
  const Clock* clock_;
};

}  // namespace

void write_staged_state(Unit& unit, const std::string& plugin,
                        const std::map<std::string, Json>& values, WallTime now) {
  for (const auto& [key, value] : values)
    write_value(unit, plugin, key, value.is_null() ? std::nullopt : std::optional(to_text(value)),
                now);
}

std::unique_ptr<Service> make_state_service(Store& store, const Clock& clock) {
  return std::make_unique<StateService>(store, clock);
}

}  // namespace host
