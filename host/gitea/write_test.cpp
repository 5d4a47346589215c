// SPDX-License-Identifier: Apache-2.0
//
// Writes: never done twice, never called done before the server shows it (row G6).
#include "gitea/test_server.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kLabels = "/repos/org/app/issues/5/labels";
constexpr const char* kIssue = "GET /repos/org/app/issues/5";

class WriteTest : public GiteaTest {
 protected:
  // An issue at the forge, whose writes may be applied and their replies lost.
  WriteTest() {
    http_.set_handler([this](const HttpRequest& request) { return answer(request); });
  }
  Answer answer(const HttpRequest& request) {
    const auto path = request.url.substr(request.url.find("/api/v1") + 7);
    if (path == "/user") return json(200, {{"id", 1}, {"login", "timmy"}});
    if (request.method == "POST") return post(path, parse_json(request.body, "body"));
    if (request.method == "DELETE") return remove(path);
    if (path.ends_with("/comments")) return json(200, comments_);
    return json(200, issue(5, carried_));
  }
  Answer post(const std::string& path, const Json& body) {
    ++posts_;
    const bool lost = lose_ > 0 && lose_-- > 0;
    if (lost && !apply_) return FakeHttpClient::broken();
    Answer done;
    if (path.ends_with("/comments")) {
      comments_.push_back(
          {{"id", 70 + posts_}, {"body", body.at("body")}, {"user", {{"login", "timmy"}}}});
      done = json(201, comments_.back());
    } else {
      for (const auto& name : body.at("labels"))
        if (name != "unknown") carried_.push_back(label(10 + posts_, name.get<std::string>()));
      done = json(200, carried_);
    }
    if (lost) return FakeHttpClient::broken();
    return done;
  }
  Answer remove(const std::string& path) {
    const auto id = std::stoll(path.substr(path.rfind('/') + 1));
    Json left = Json::array();
    for (const auto& each : carried_)
      if (each.at("id") != id) left.push_back(each);
    const bool found = left.size() < carried_.size();
    carried_ = left;
    if (lose_ > 0 && lose_-- > 0) return FakeHttpClient::broken();
    return found ? Answer(HttpResponse{204, {}, ""}) : Answer(json(422, {{"message", "no label"}}));
  }
  Result<Comment> comment(std::string marker, std::string body = "Hello") {
    return wait<Comment>([&](Reply<Comment> reply) {
      gitea_->create_comment(repo_, 5, std::move(body), std::move(marker), std::move(reply));
    });
  }
  Result<Done> remove_label(std::string name) {
    return wait<Done>([&](Reply<Done> reply) {
      gitea_->remove_label(repo_, 5, std::move(name), std::move(reply));
    });
  }

  Json carried_ = Json::array();
  Json comments_ = Json::array();
  int posts_ = 0;
  int lose_ = 0;       // so many replies to writes get lost
  bool apply_ = true;  // what is lost has been applied
};

TEST_F(WriteTest, AddsLabelsByNameAndHandsOverAllOfThem) {
  carried_.push_back(label(1, "old"));
  const auto labels = add_labels({"bug", "kind/é"}).value();
  EXPECT_EQ(labels.size(), 3u);
  const auto& request = http_.requests().at(0);
  EXPECT_EQ(request.body, R"({"labels":["bug","kind/é"]})");
  EXPECT_EQ(header(request, "Content-Type"), "application/json");
  EXPECT_EQ(http_.requests().size(), 1u);
}

TEST_F(WriteTest, ALabelThatTheServerSilentlySkipsIsAnErrorThatNamesIt) {
  carried_.push_back(label(1, "Unknown"));
  const auto error = error_of(add_labels({"bug", "unknown"}));
  EXPECT_EQ(error.code(), Code::not_found);
  EXPECT_THAT(error.message(), HasSubstr("\"unknown\""));
  EXPECT_THAT(error.message(), HasSubstr("\"Unknown\""));
  EXPECT_THAT(error.next_step(), HasSubstr("org/app"));
  EXPECT_EQ(posts_, 1);
}

TEST_F(WriteTest, LabelsWhoseReplyWasLostAreReadBackAndNotSentAgain) {
  lose_ = 1;
  EXPECT_TRUE(add_labels({"bug"}).ok());
  EXPECT_THAT(sent(), ElementsAre(std::string("POST ") + kLabels, kIssue));
}

TEST_F(WriteTest, LabelsThatWereNotAppliedAreSentOnceMoreAndNoThirdTime) {
  lose_ = 1;
  apply_ = false;
  EXPECT_TRUE(add_labels({"bug"}).ok());
  EXPECT_THAT(sent(),
              ElementsAre(std::string("POST ") + kLabels, kIssue, std::string("POST ") + kLabels));
  carried_ = Json::array();
  posts_ = 0;
  lose_ = 99;
  EXPECT_EQ(error_of(add_labels({"bug"})).code(), Code::unavailable);
  EXPECT_EQ(posts_, 2);
}

TEST_F(WriteTest, AServerErrorOnAWriteIsReadBackToo) {
  http_.enqueue(plain(502, "<html>"));
  carried_.push_back(label(1, "bug"));
  EXPECT_TRUE(add_labels({"bug"}).ok());
  EXPECT_EQ(posts_, 0);
  http_.enqueue(json(500, {{"message", ""}}));
  EXPECT_TRUE(add_labels({"bug"}).ok());
  EXPECT_EQ(posts_, 0);
}

TEST_F(WriteTest, AnUnreadableReplyToAWriteIsReadBack) {
  http_.enqueue(plain(200, "<html>"));
  carried_.push_back(label(1, "bug"));
  EXPECT_TRUE(add_labels({"bug"}).ok());
  EXPECT_EQ(posts_, 0);
}

TEST_F(WriteTest, AWriteThatNeverLeftIsSimplyRepeated) {
  http_.enqueue(FakeHttpClient::refused());
  EXPECT_TRUE(add_labels({"bug"}).ok());
  EXPECT_THAT(sent(), ElementsAre(std::string("POST ") + kLabels, std::string("POST ") + kLabels));
}

TEST_F(WriteTest, AWriteThatTheServerPutOffIsSentAfterThePause) {
  http_.enqueue(plain(429, "", {{"retry-after", "2"}}));
  EXPECT_TRUE(add_labels({"bug"}).ok());
  EXPECT_EQ(posts_, 1);
}

TEST_F(WriteTest, ARefusedWriteIsNotRepeated) {
  for (const int status : {400, 403, 404, 409, 413, 422, 423}) {
    http_.enqueue(json(status, {{"message", "no"}}));
    EXPECT_FALSE(add_labels({"bug"}).ok()) << status;
  }
  EXPECT_EQ(http_.requests().size(), 7u);
  EXPECT_EQ(posts_, 0);
}

TEST_F(WriteTest, AServerTooOldForNamesIsNamedAsSuch) {
  http_.enqueue(json(422, {{"message",
                            "json: cannot unmarshal string into Go struct field "
                            "IssueLabelsOption.labels of type int64"}}));
  const auto error = error_of(add_labels({"bug"}));
  EXPECT_EQ(error.code(), Code::unsupported);
  EXPECT_THAT(error.next_step(), HasSubstr("1.22"));
}

TEST_F(WriteTest, RemovesALabelByItsNumberAndIsContentWhenItIsNotThere) {
  carried_ = Json::array({label(7, "bug"), label(8, "bug"), label(9, "keep")});
  EXPECT_TRUE(remove_label("bug").ok());
  EXPECT_THAT(sent(), ElementsAre(kIssue, std::string("DELETE ") + kLabels + "/7", kIssue,
                                  std::string("DELETE ") + kLabels + "/8", kIssue));
  EXPECT_EQ(carried_.size(), 1u);
  EXPECT_TRUE(remove_label("bug").ok());
}

TEST_F(WriteTest, ARemovalWhoseReplyWasLostIsFound) {
  carried_ = Json::array({label(7, "bug")});
  lose_ = 1;
  EXPECT_TRUE(remove_label("bug").ok());
}

TEST_F(WriteTest, ARemovalThatTheServerRefusesEnds) {
  carried_ = Json::array({label(7, "bug")});
  http_.enqueue(json(200, issue(5, carried_)));
  http_.enqueue(json(422, {{"message", "no"}}));
  EXPECT_EQ(error_of(remove_label("bug")).code(), Code::invalid);
  http_.enqueue(json(200, issue(5, carried_)));
  http_.enqueue(json(403, {{"message", "no"}}));
  EXPECT_EQ(error_of(remove_label("bug")).code(), Code::denied);
}

TEST_F(WriteTest, ACommentCarriesItsMarkerAndIsWrittenOnce) {
  const auto first = comment("job:7").value();
  EXPECT_EQ(first.body, "Hello\n\n<!-- timmy:job:7 -->");
  const auto second = comment("job:7").value();
  EXPECT_EQ(second.id, first.id);
  EXPECT_EQ(posts_, 1);
  EXPECT_TRUE(comment("job:8").ok());
  EXPECT_EQ(posts_, 2);
}

TEST_F(WriteTest, ACommentWhoseReplyWasLostIsFoundAndNotWrittenAgain) {
  lose_ = 1;
  EXPECT_TRUE(comment("job:7").ok());
  EXPECT_EQ(posts_, 1);
  EXPECT_EQ(comments_.size(), 1u);
  lose_ = 1;
  apply_ = false;
  EXPECT_TRUE(comment("job:8").ok());
  EXPECT_EQ(comments_.size(), 2u);
  lose_ = 99;
  posts_ = 0;
  EXPECT_FALSE(comment("job:9").ok());
  EXPECT_EQ(posts_, 2);
}

TEST_F(WriteTest, WithoutAMarkerALostReplyStaysOpenAndSaysSo) {
  lose_ = 1;
  const auto error = error_of(comment(""));
  EXPECT_EQ(posts_, 1);
  EXPECT_THAT(error.message(), HasSubstr("may be there all the same"));
  EXPECT_THAT(error.next_step(), HasSubstr("org/app#5"));
}

TEST_F(WriteTest, SomebodyElsesQuoteOfAMarkerCountsForNothing) {
  comments_.push_back(
      {{"id", 3}, {"body", "> Hello <!-- timmy:job:7 -->"}, {"user", {{"login", "mallory"}}}});
  EXPECT_EQ(comment("job:7").value().user, "timmy");
  EXPECT_EQ(posts_, 1);
}

TEST_F(WriteTest, AnIssueThatIsNotThereIsFoundOutBeforeTheCommentsOwn500) {
  http_.enqueue(json(404, {{"message", "not found"}}));
  const auto error = error_of(comment(""));
  EXPECT_EQ(error.code(), Code::not_found);
  EXPECT_EQ(posts_, 0);
}

TEST_F(WriteTest, RefusesMarkersThatCouldEndTheirOwnLine) {
  for (const auto* marker : {"a -->", "a--b", "a\nb", "a b", "<x>"})
    EXPECT_EQ(error_of(comment(marker)).code(), Code::usage) << marker;
  EXPECT_EQ(error_of(comment("ok", "")).code(), Code::usage);
  EXPECT_EQ(posts_, 0);
}

}  // namespace
}  // namespace host
