// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <timmy/testing.hpp>
#include <utility>
#include <vector>

#include "ingest.hpp"
#include "pair_hash.hpp"
#include "settings.hpp"
#include "source.hpp"
#include "validation.hpp"

namespace provenance {

inline Instant at(const std::string& text) { return *timmy::parse_time(text); }

// Rows of a session, each with a digest of what is in it, as a reader makes them.
class Writer {
 public:
  explicit Writer(const std::string& id, const std::string& source = "cli") {
    session_.id = id;
    session_.source = source;
    session_.chat = "dm";
    session_.model = "hermes-4-70b";
    session_.provider = "custom";
    session_.store = {Store::Kind::database, "/home/alex/.hermes/state.db"};
    session_.started = at("2026-03-30T14:11:39Z");
    session_.end_reason = "cli_close";
    session_.tokens = {1200, 85, 0, 0, 0, true};
  }

  Writer& system(const std::string& text) { return row(Message::Role::system, text); }
  Writer& user(const std::string& text) { return row(Message::Role::user, text); }
  Writer& says(const std::string& text) { return row(Message::Role::assistant, text); }
  Writer& calls(std::vector<ToolCall> calls, const std::string& text = "") {
    row(Message::Role::assistant, text);
    session_.messages.back().calls = std::move(calls);
    return *this;
  }
  Writer& result(const std::string& call, const std::string& text) {
    row(Message::Role::tool, text);
    session_.messages.back().call_id = call;
    return *this;
  }
  Writer& of_user(const std::string& user) {
    session_.user = user;
    return *this;
  }
  Writer& in_chat(const std::string& chat) {
    session_.chat = chat;
    return *this;
  }
  Writer& child_of(const std::string& parent) {
    session_.parent = parent;
    return *this;
  }
  Writer& started(const std::string& text) {
    session_.started = at(text);
    return *this;
  }
  Writer& live() {
    session_.live = true;
    return *this;
  }
  Session& raw() { return session_; }

  [[nodiscard]] Session done() const {
    Session session = session_;
    Sha256 hash;
    std::string all = session.id + session.parent + session.source + session.user;
    for (auto& message : session.messages) {
      std::string row = std::to_string(static_cast<int>(message.role)) + message.content +
                        message.call_id + message.finish_reason;
      for (const auto& call : message.calls) row += call.id + call.name + call.arguments;
      message.digest = hash.of(row);
      all += message.digest;
    }
    session.digest = hash.of(all);
    return session;
  }

 private:
  Writer& row(Message::Role role, const std::string& text) {
    Message message;
    message.role = role;
    message.content = text;
    message.at = at("2026-03-30T14:11:40Z") + std::chrono::seconds(session_.messages.size());
    message.anchor = "messages:" + std::to_string(session_.messages.size() + 1);
    session_.messages.push_back(std::move(message));
    return *this;
  }

  Session session_;
};

inline Session simple(const std::string& id, const std::string& asked, const std::string& answer) {
  return Writer(id).user(asked).says(answer).done();
}

// Stores in memory. The cursor counts the changes; put() is one.
class FakeStores : public SessionSource {
 public:
  void put(Session session) {
    std::erase_if(all_, [&](const auto& each) { return each.second.id == session.id; });
    all_.emplace_back(++change_, std::move(session));
  }
  void erase(const std::string& id) {
    std::erase_if(all_, [&](const auto& each) { return each.second.id == id; });
  }

  Passed read(const timmy::Json& cursor, const std::function<void(Session&&)>& take) override {
    const auto after = cursor.is_null() ? 0 : cursor.at("change").get<int>();
    for (const auto& [change, session] : all_)
      if (change > after) take(Session(session));
    return {{{"change", change_}}, troubles};
  }
  std::vector<std::string> troubles;

  std::optional<Session> find(const std::string& id) override {
    for (const auto& [change, session] : all_)
      if (session.id == id) return session;
    return std::nullopt;
  }
  [[nodiscard]] std::vector<Session> sessions() const {
    std::vector<Session> all;
    for (const auto& [change, session] : all_) all.push_back(session);
    return all;
  }

 private:
  std::vector<std::pair<int, Session>> all_;
  int change_ = 0;
};

inline std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A folder for a test, with settings and a policy in it.
class FolderTest : public testing::Test {
 protected:
  FolderTest() {
    std::string form = std::filesystem::temp_directory_path() / "timmy-provenance-XXXXXX";
    if (::mkdtemp(form.data()) == nullptr) std::abort();
    home_ = form;
    const auto schema = timmy::testing::read_manifest(MANIFEST).at("config_schema");
    config_ = timmy::testing::with_defaults(schema, {{"folder", (home_ / "out").string()},
                                                     {"policy", (home_ / "policy.json").string()}});
    allow({rule("own", "internal", {{"source", {"cli", "cron", "tool"}}})});
    put_key();
  }
  ~FolderTest() override { std::filesystem::remove_all(home_); }

  static timmy::Json rule(const std::string& id, const std::string& consent,
                          timmy::Json conditions) {
    conditions["id"] = id;
    conditions["consent"] = consent;
    conditions["recorded_by"] = "ada";
    conditions["recorded_at"] = "2026-11-01T09:00:00Z";
    return conditions;
  }
  // Always the same, so that the same sessions make the same bytes.
  void put_key() const {
    std::filesystem::create_directories(out());
    std::ofstream(out() / "row.key") << std::string(64, '0') << "\n";
  }
  void allow(const std::vector<timmy::Json>& rules) const {
    write_policy(timmy::Json{{"version", 1}, {"rules", rules}}.dump());
  }
  void write_policy(const std::string& text) const {
    std::ofstream(home_ / "policy.json", std::ios::trunc) << text;
  }
  [[nodiscard]] Settings settings() const { return Settings::from(config_); }

  timmy::Json ingest(
      bool anew = false, StepHook hook = [](std::string_view) {}) {
    IngestOrder order;
    order.saved = saved_;
    order.anew = anew;
    order.now = "2026-11-29T12:00:00Z";
    order.hook = std::move(hook);
    const auto settings_now = settings();
    auto done = provenance::ingest(settings_now, stores_, std::move(order));
    saved_ = done.saved;
    return done.result;
  }

  // What stands, and that it is what it says.
  void expect_valid() const {
    EXPECT_NO_THROW((void)validate_output(settings(), [](std::int64_t) {}));
  }

  [[nodiscard]] std::filesystem::path out() const { return home_ / "out"; }
  [[nodiscard]] Manifest manifest() const { return Manifest::load(out() / "manifest.json"); }
  // Of all that the manifest lists.
  [[nodiscard]] std::vector<timmy::Json> pairs() const {
    std::vector<timmy::Json> all;
    for (const auto& file : manifest().files) {
      std::ifstream lines(out() / "pairs" / file.name);
      for (std::string line; std::getline(lines, line);) all.push_back(timmy::Json::parse(line));
    }
    return all;
  }
  [[nodiscard]] std::vector<std::string> answers() const {
    std::vector<std::string> all;
    for (const auto& pair : pairs()) all.push_back(pair.at("response").back().at("content"));
    std::sort(all.begin(), all.end());
    return all;
  }
  // Every byte below the folder, for what must not be there.
  [[nodiscard]] std::string everything() const {
    std::string all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(out()))
      if (entry.is_regular_file()) all += text_of(entry.path());
    return all;
  }

  std::filesystem::path home_;
  timmy::Json config_;
  FakeStores stores_;
  timmy::Json saved_;
};

}  // namespace provenance
