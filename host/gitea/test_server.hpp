// SPDX-License-Identifier: Apache-2.0
//
// What the client's tests share: a client on twins, and short ways to say what a server answers.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fake_loop.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/test_folder.hpp"
#include "gitea/client.hpp"
#include "http/fake_client.hpp"

namespace host {

inline constexpr std::string_view kToken = "canary-0123456789abcdef";

class GiteaTest : public ::testing::Test {
 protected:
  using Answer = FakeHttpClient::Answer;

  GiteaTest() {
    write_token(kToken);
    options_.url = "https://git.example.org/";
    options_.token_files = {token_file_};
    options_.seed = 7;
    make();
  }
  void make() {
    gitea_ = std::make_unique<GiteaClient>(http_, loop_, log_.named("gitea"), options_);
  }

  void write_token(std::string_view token) {
    std::filesystem::remove(token_file_);
    std::ofstream(token_file_) << token << "\n";
    std::filesystem::permissions(token_file_, std::filesystem::perms(0600));
  }

  static HttpResponse json(int status, const Json& body, HttpHeaders more = {}) {
    HttpHeaders headers = FakeHttpClient::json_type();
    headers.insert(headers.end(), more.begin(), more.end());
    return {status, std::move(headers), body.dump()};
  }
  static HttpResponse plain(int status, std::string body, HttpHeaders more = {}) {
    HttpHeaders headers{{"content-type", "text/plain; charset=utf-8"}};
    headers.insert(headers.end(), more.begin(), more.end());
    return {status, std::move(headers), std::move(body)};
  }
  static Json label(std::int64_t id, std::string name) {
    return {{"id", id}, {"name", std::move(name)}, {"color", "ededed"}};
  }
  static Json issue(std::int64_t number, const std::vector<Json>& labels = {}) {
    return {{"id", 1000 + number},
            {"number", number},
            {"title", "t" + std::to_string(number)},
            {"state", "open"},
            {"user", {{"login", "bob"}}},
            {"labels", labels},
            {"pull_request", nullptr}};
  }

  // Makes a call and lets time pass until it has its reply, at most `cap`.
  template <class T, class Work>
  Result<T> wait(Work work, Duration cap = std::chrono::minutes(10)) {
    std::optional<Result<T>> result;
    work([&](Result<T> got) {
      EXPECT_FALSE(result.has_value()) << "two replies";
      result = std::move(got);
    });
    EXPECT_FALSE(result.has_value()) << "a reply from inside the call";
    loop_.drain();
    for (Duration passed{}; !result && passed < cap; passed += std::chrono::milliseconds(50))
      loop_.advance(std::chrono::milliseconds(50));
    return result ? std::move(*result) : Error(Code::internal, "no reply");
  }
  Result<User> whoami() {
    return wait<User>([&](Reply<User> reply) { gitea_->whoami(std::move(reply)); });
  }
  Result<std::vector<Issue>> list_issues(IssueFilter filter = {}) {
    return wait<std::vector<Issue>>([&](Reply<std::vector<Issue>> reply) {
      gitea_->list_issues(repo_, std::move(filter), std::move(reply));
    });
  }
  Result<std::vector<Label>> add_labels(std::vector<std::string> names) {
    return wait<std::vector<Label>>([&](Reply<std::vector<Label>> reply) {
      gitea_->add_labels(repo_, 5, std::move(names), std::move(reply));
    });
  }

  // "GET /user", of every request so far.
  [[nodiscard]] std::vector<std::string> sent() const {
    std::vector<std::string> all;
    for (const auto& request : http_.requests())
      all.push_back(request.method + " " + request.url.substr(request.url.find("/api/v1") + 7));
    return all;
  }
  static std::optional<std::string> header(const HttpRequest& request, std::string_view name) {
    for (const auto& [known, value] : request.headers)
      if (known == name) return value;
    return std::nullopt;
  }

  static Error error_of(const auto& result) {
    return result.ok() ? Error(Code::internal, "it succeeded") : result.error();
  }

  TestFolder folder_;
  const std::filesystem::path token_file_ = folder_ / "gitea_token";
  FakeLoop loop_;
  FakeHttpClient http_{loop_};
  std::shared_ptr<std::vector<std::string>> lines_ = std::make_shared<std::vector<std::string>>();
  Log log_ = Log::to_memory(lines_);
  GiteaOptions options_;
  const RepoName repo_{"org", "app"};
  std::unique_ptr<GiteaClient> gitea_;
};

}  // namespace host
