// SPDX-License-Identifier: Apache-2.0
#include "gitea/decode.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"

namespace host {
namespace {

using ::testing::HasSubstr;

std::string utc(std::string_view text) {
  const auto time = parse_rfc3339(text);
  return time ? format_utc(*time) : "none";
}
Error refusal(const std::function<void()>& work) {
  try {
    work();
    return {Code::internal, "it was taken"};
  } catch (const Error& error) {
    return error;
  }
}

TEST(Rfc3339, ReadsTheServersLocalZone) {
  EXPECT_EQ(utc("2026-07-16T12:00:00+02:00"), "2026-07-16T10:00:00Z");
  EXPECT_EQ(utc("2026-07-16T00:30:00-03:30"), "2026-07-16T04:00:00Z");
  EXPECT_EQ(utc("2026-07-16T12:00:00Z"), "2026-07-16T12:00:00Z");
  EXPECT_EQ(utc("2026-07-16T12:00:00.250Z"), "2026-07-16T12:00:00.250000Z");
}

TEST(Rfc3339, TakesZeroTimesAndNonsenseForNoTime) {
  for (const auto* text :
       {"0001-01-01T00:00:00Z", "", "2026-07-16", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z",
        "2026-07-16T25:00:00Z", "2026-07-16T12:00:00", "2026-07-16T12:00:00+2", "x",
        "2026-07-16T12:00:00.Z", "2026-07-16 12:00:00Z"})
    EXPECT_EQ(utc(text), "none") << text;
}

TEST(Decode, AnIssueWithNullsWhereServersSendThem) {
  const auto issue = decode_issue(Json::parse(R"({"number":7,"id":9007199254740993,"title":"t",
      "body":null,"state":"open","user":{"login":"bob"},"labels":[{"id":1,"name":"bug",
      "color":"#ff0000"},null],"assignees":null,"pull_request":null,"milestone":null,
      "created_at":"2026-07-16T12:00:00+02:00","updated_at":"0001-01-01T00:00:00Z","new":{}})"));
  EXPECT_EQ(issue.number, 7);
  EXPECT_EQ(issue.id, 9007199254740993);
  EXPECT_EQ(issue.user, "bob");
  ASSERT_EQ(issue.labels.size(), 1u);
  EXPECT_EQ(issue.labels[0].color, "ff0000");
  EXPECT_FALSE(issue.is_pull);
  EXPECT_EQ(format_utc(*issue.created_at), "2026-07-16T10:00:00Z");
  EXPECT_FALSE(issue.updated_at.has_value());
  EXPECT_EQ(issue.milestone, "");
  EXPECT_TRUE(decode_issue(Json::parse(R"({"number":7,"pull_request":{}})")).is_pull);
  EXPECT_EQ(decode_issue(Json::parse(R"({"number":7,"milestone":{"title":"2.0"}})")).milestone,
            "2.0");
  const auto placed = decode_issue(
      Json::parse(R"({"number":7,"repository":{"id":5,"name":"app","full_name":"org/app"}})"));
  EXPECT_EQ(placed.repo, "org/app");
  EXPECT_EQ(placed.repo_id, 5);
  EXPECT_EQ(issue.repo_id, 0) << "some replies leave it out";
}

TEST(Decode, RefusesOtherTypesNamingTheField) {
  const auto issue = [](const char* text) {
    return refusal([&] { (void)decode_issue(Json::parse(text)); });
  };
  EXPECT_THAT(issue(R"({"number":"7"})").message(), HasSubstr("number"));
  EXPECT_THAT(issue(R"({"number":7,"title":5})").message(), HasSubstr("title"));
  EXPECT_THAT(issue(R"({"number":7,"labels":{}})").message(), HasSubstr("labels"));
  for (const auto* text : {"[]", "5", "null", "{}", R"({"number":0})", R"({"number":1.5})",
                           R"({"number":18446744073709551615})", R"({"number":7,"user":[]})"})
    EXPECT_EQ(issue(text).code(), Code::invalid) << text;
  EXPECT_EQ(refusal([] { (void)decode_user(Json::parse("{}")); }).code(), Code::invalid);
  EXPECT_EQ(refusal([] { (void)decode_repository(Json::parse("{}")); }).code(), Code::invalid);
  EXPECT_EQ(refusal([] { (void)decode_comment(Json::parse("{}")); }).code(), Code::invalid);
}

// G4.
TEST(ReplyJson, TakesOnlyJsonThatSaysSo) {
  const auto read = [](std::string type, std::string body) {
    return reply_json({200, {{"content-type", std::move(type)}}, std::move(body)}, "GET /user");
  };
  EXPECT_EQ(read("application/json;charset=utf-8", "[1]"), Json::array({1}));
  EXPECT_EQ(read("text/html", ""), Json(nullptr));
  const auto html = refusal([&] { (void)read("text/html", "<html>"); });
  EXPECT_EQ(html.code(), Code::invalid);
  EXPECT_THAT(html.message(), HasSubstr("GET /user"));
  EXPECT_THAT(html.next_step(), HasSubstr("URL"));
  EXPECT_EQ(refusal([&] { (void)reply_json({200, {}, "{}"}, "x"); }).code(), Code::invalid);
  for (const std::string& body :
       {std::string("{"), std::string("{\"a\":1,\"a\":2}"), std::string(100000, '['),
        std::string("[1e400]"), std::string("[\"\xff\xfe\"]"), std::string("[1]x")})
    EXPECT_EQ(refusal([&] { (void)read("application/json", body); }).code(), Code::invalid)
        << body.substr(0, 20);
}

TEST(RepoNames, AreTheSameWhateverTheirCase) {
  EXPECT_TRUE(same_name("Org/App", "org/aPP"));
  EXPECT_FALSE(same_name("org/app", "org/app2"));
  EXPECT_FALSE(same_name("org/app", "org-app"));
}

TEST(RepoNames, AreTwoNamesThatGiteaWouldTake) {
  EXPECT_EQ(parse_repo_name("org/my.repo-1_x").full(), "org/my.repo-1_x");
  for (const auto* text : {"", "org", "org/", "/repo", "org/repo/x", "../etc", "org/..", "o rg/x",
                           "org/a%2fb", "org/r?x", "org/\n", "\xc3\xa9/x"})
    EXPECT_EQ(refusal([&] { (void)parse_repo_name(text); }).code(), Code::usage) << text;
}

}  // namespace
}  // namespace host
