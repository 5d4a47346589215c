// SPDX-License-Identifier: Apache-2.0
#include "forge/model.hpp"

#include <gmock/gmock.h>

#include "base/json.hpp"

namespace host::forge {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

class ModelTest : public ::testing::Test {
 protected:
  ServerResponse complete(const Json& body, const std::string& authorization = "") {
    ServerRequest request;
    request.method = "POST", request.path = "/v1/chat/completions";
    request.segments = {"v1", "chat", "completions"};
    request.body = to_text(body);
    if (!authorization.empty()) request.headers = {{"authorization", authorization}};
    return answer_model(state_, request, WallTime{});
  }
  static Json ask(Json more = Json::object()) {
    Json body = {{"model", "tiny"},
                 {"messages", {{{"role", "user"}, {"content", "Are you there?"}}}}};
    body.update(more);
    return body;
  }
  ModelState state_;
};

TEST_F(ModelTest, CountsWordsAsTokens) {
  const auto answer = complete(ask());
  ASSERT_EQ(answer.status, 200);
  const auto json = parse_json(answer.body, "reply");
  EXPECT_EQ(json.at("choices").at(0).at("message").at("content"), "All is well.");
  EXPECT_EQ(json.at("choices").at(0).at("finish_reason"), "stop");
  EXPECT_EQ(json.at("usage"),
            Json({{"prompt_tokens", 6}, {"completion_tokens", 3}, {"total_tokens", 9}}));
  EXPECT_EQ(state_.calls, 1);
  EXPECT_EQ(state_.output_tokens, 3);
}

TEST_F(ModelTest, StopsAtMaxTokens) {
  const auto json = parse_json(complete(ask({{"max_tokens", 1}})).body, "reply");
  EXPECT_EQ(json.at("choices").at(0).at("message").at("content"), "All");
  EXPECT_EQ(json.at("choices").at(0).at("finish_reason"), "length");
  EXPECT_EQ(json.at("usage").at("completion_tokens"), 1);
}

TEST_F(ModelTest, StreamsEvents) {
  const auto answer =
      complete(ask({{"stream", true}, {"stream_options", {{"include_usage", true}}}}));
  EXPECT_EQ(answer.headers.at(0).second, "text/event-stream");
  EXPECT_THAT(answer.body, HasSubstr("\"delta\":{\"content\":\"All \"}"));
  EXPECT_THAT(answer.body, HasSubstr("\"total_tokens\":9"));
  EXPECT_THAT(answer.body, EndsWith("data: [DONE]\n\n"));
}

TEST_F(ModelTest, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(complete(ask({{"model", "huge"}})).status, 404);
  EXPECT_EQ(complete(Json::object()).status, 400);
  EXPECT_EQ(complete(ask({{"messages", "x"}})).status, 400);
  EXPECT_EQ(state_.calls, 0);
}

TEST_F(ModelTest, AsksForAKeyOnceItHasSome) {
  state_.keys = {"k1"};
  EXPECT_EQ(complete(ask()).status, 401);
  EXPECT_EQ(complete(ask(), "Bearer k2").status, 401);
  EXPECT_EQ(complete(ask(), "Bearer k1").status, 200);
}

}  // namespace
}  // namespace host::forge
