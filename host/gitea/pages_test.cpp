// SPDX-License-Identifier: Apache-2.0
#include "gitea/pages.hpp"

#include <charconv>

#include "gitea/test_server.hpp"
#include "http/url.hpp"

namespace host {
namespace {

using ::testing::HasSubstr;

// A list on a server with habits of its own.
struct ListServer {
  std::vector<Json> items;
  std::size_t clamp = 50;                  // most per page, whatever is asked for
  bool total = true;                       // sends X-Total-Count
  bool link = true;                        // sends Link
  bool ignores_page = false;               // answers all, always
  std::function<bool(const Json&)> hides;  // cuts its pages before it leaves these out
  std::function<void(int page)> before;    // called before each page

  HttpResponse answer(const HttpRequest& request) {
    const auto number = [&](const std::string& name) {
      const auto at = request.url.find(name + "=");
      int value = 0;
      std::from_chars(request.url.data() + at + name.size() + 1,
                      request.url.data() + request.url.size(), value);
      return value;
    };
    const int page = number("page");
    if (before) before(page);
    const std::size_t size = std::min(clamp, static_cast<std::size_t>(number("limit")));
    const std::size_t begin =
        ignores_page ? 0 : std::min(items.size(), (static_cast<std::size_t>(page) - 1) * size);
    const std::size_t end = ignores_page ? items.size() : std::min(items.size(), begin + size);
    Json list = Json::array();
    for (std::size_t i = begin; i < end; ++i)
      if (!hides || !hides(items[i])) list.push_back(items[i]);
    HttpHeaders headers = FakeHttpClient::json_type();
    if (total) headers.emplace_back("x-total-count", std::to_string(items.size()));
    if (link && (page > 1 || end < items.size()))
      headers.emplace_back(
          "link", end < items.size() ? "<https://elsewhere/?page=2>; rel=\"next\",<x>; rel=\"last\""
                                     : "<https://elsewhere/?page=1>; rel=\"first\"");
    return {200, headers, list.dump()};
  }
};

class PagesTest : public GiteaTest {
 protected:
  PagesTest() {
    http_.set_handler([this](const HttpRequest& request) { return server_.answer(request); });
  }
  void fill(int count) {
    for (int i = count; i > 0; --i) server_.items.push_back(issue(i));
  }
  ListServer server_;
};

TEST_F(PagesTest, ReachTheTrueEndHoweverTheServerClampsAndCounts) {
  for (const std::size_t clamp : {1, 3, 7, 50, 100})
    for (const bool total : {true, false})
      for (const bool link : {true, false})
        for (const int count : {0, 1, 3, 49, 50, 51, 100}) {
          server_ = {};
          server_.clamp = clamp, server_.total = total, server_.link = link;
          fill(count);
          const auto issues = list_issues();
          ASSERT_TRUE(issues.ok()) << issues.error().what();
          EXPECT_EQ(issues.value().size(), static_cast<std::size_t>(count))
              << "clamp " << clamp << " total " << total << " link " << link;
        }
}

TEST_F(PagesTest, AskForNoPageMoreThanTheServerSaysThereAre) {
  fill(100);
  EXPECT_EQ(list_issues().value().size(), 100u);
  EXPECT_EQ(http_.requests().size(), 2u);
}

TEST_F(PagesTest, AListWithoutPagesEndsAfterOneRepetition) {
  server_.total = server_.link = false;
  server_.ignores_page = true;
  fill(60);
  EXPECT_EQ(list_issues().value().size(), 60u);
  EXPECT_EQ(http_.requests().size(), 2u);
}

TEST_F(PagesTest, APageOfWhatMayNotBeSeenIsNotTheEnd) {
  fill(150);
  server_.hides = [](const Json& item) {
    return item.at("number") > 45 && item.at("number") <= 105;
  };
  EXPECT_EQ(list_issues().value().size(), 90u);
}

TEST_F(PagesTest, WhatIsInsertedMeanwhileComesOnceAndPushesNothingOut) {
  fill(100);
  server_.before = [this](int page) {
    if (page == 2) server_.items.insert(server_.items.begin(), issue(101));
  };
  const auto issues = list_issues().value();
  EXPECT_EQ(issues.size(), 100u);
  EXPECT_EQ(issues.back().number, 1);
}

TEST_F(PagesTest, WhatLeavesMeanwhileHidesNothing) {
  fill(120);
  bool closed = false;
  server_.before = [&](int page) {
    if (page == 2 && !std::exchange(closed, true)) server_.items.erase(server_.items.begin());
  };
  const auto issues = list_issues().value();
  EXPECT_EQ(issues.size(), 119u);
  const auto has = [&](std::int64_t number) {
    return std::any_of(issues.begin(), issues.end(),
                       [&](const Issue& each) { return each.number == number; });
  };
  EXPECT_TRUE(has(70));    // had moved to the page that was read already
  EXPECT_FALSE(has(120));  // the one that left
}

TEST_F(PagesTest, AListThatShrinksForeverStillEnds) {
  fill(400);
  server_.before = [&](int page) {
    if (page > 1) server_.items.erase(server_.items.begin());
  };
  EXPECT_TRUE(list_issues().ok());
  EXPECT_LT(http_.requests().size(), 30u);
}

TEST_F(PagesTest, SkipNullsAndTakeNullForNoList) {
  fill(3);
  server_.items.insert(server_.items.begin() + 1, Json(nullptr));
  EXPECT_EQ(list_issues().value().size(), 3u);
  http_.enqueue(HttpResponse{200, FakeHttpClient::json_type(), "null"});
  EXPECT_EQ(list_issues().value().size(), 0u);
}

TEST_F(PagesTest, AnEndlessListIsRefused) {
  int number = 0;
  http_.set_handler([&](const HttpRequest&) {
    return json(200, Json::array({issue(++number)}), {{"x-total-count", "99999999"}});
  });
  const auto error = error_of(list_issues());
  EXPECT_EQ(error.code(), Code::too_large);
  EXPECT_EQ(http_.requests().size(), 1000u);
}

TEST_F(PagesTest, AListOfEndlessBodiesIsRefusedBeforeItFillsTheMemory) {
  int number = 0;
  http_.set_handler([&](const HttpRequest& request) {
    EXPECT_LE(request.body_cap, std::size_t{16} << 20);
    Json large = issue(++number);
    large["body"] = std::string(std::size_t{10} << 20, 'x');
    return json(200, Json::array({large}), {{"x-total-count", "99999999"}});
  });
  EXPECT_EQ(error_of(list_issues()).code(), Code::too_large);
  EXPECT_EQ(http_.requests().size(), 7u);
}

class CutBodies : public PagesTest {
 protected:
  Result<std::vector<Issue>> list(std::size_t limit) {
    IssueFilter filter;
    filter.body_limit = limit;
    return list_issues(filter);
  }
  void fill_with(int count, const std::string& body) {
    fill(count);
    for (auto& each : server_.items) each["body"] = body;
  }
};

TEST_F(CutBodies, EndBetweenTwoCharactersAndSayThatTheyWereCut) {
  fill_with(1, "häßlich");
  for (const auto& [limit, text] : std::map<std::size_t, std::string>{
           {0, ""}, {1, "h"}, {2, "h"}, {3, "hä"}, {5, "häß"}, {8, "häßlic"}}) {
    const auto one = list(limit).value().at(0);
    EXPECT_EQ(one.body, text) << limit;
    EXPECT_TRUE(one.body_cut) << limit;
  }
  EXPECT_EQ(list(9).value().at(0).body, "häßlich");
  EXPECT_FALSE(list(9).value().at(0).body_cut) << "it is just as long";
}

TEST_F(CutBodies, KeepAListOfAnyLengthOfBodiesWithinItsCap) {
  server_.clamp = 1;
  fill_with(7, std::string(std::size_t{10} << 20, 'x'));  // AListOfEndlessBodies... is refused
  const auto all = list(1000).value();
  ASSERT_EQ(all.size(), 7u);
  for (const auto& each : all) EXPECT_EQ(each.body.size(), 1000u);
}

TEST_F(CutBodies, ComeInSmallerPagesWhereOnePageIsTooLarge) {
  fill(12);
  http_.set_handler([&](const HttpRequest& request) -> FakeHttpClient::Answer {
    const bool small = request.url.find("limit=1") + 7 == request.url.size();
    if (!small) return Error(Code::too_large, "the reply's body is larger than 16 MiB");
    return server_.answer(request);
  });
  EXPECT_EQ(list(10).value().size(), 12u);
  EXPECT_EQ(http_.requests().size(), 14u) << "of 50, of 5, and one by one";
  EXPECT_EQ(error_of(list_issues()).code(), Code::too_large);
}

// Answers as the server does, but for replies of more than one element with one of these numbers.
class HeavyBodies : public CutBodies {
 protected:
  void refuse_with(const std::vector<std::int64_t>& heavy) {
    http_.set_handler([this, heavy](const HttpRequest& request) -> Answer {
      auto response = server_.answer(request);
      const Json list = Json::parse(response.body);
      const bool holds_one = std::any_of(list.begin(), list.end(), [&](const Json& each) {
        return std::find(heavy.begin(), heavy.end(), each.at("number")) != heavy.end();
      });
      if (list.size() > 1 && holds_one)
        return Error(Code::too_large, "the reply's body is larger than 16 MiB");
      return response;
    });
  }
};

TEST_F(HeavyBodies, AreReadInPartsAndWhatFollowsThemInWholePages) {
  fill(300);
  refuse_with({120});
  const auto all = list(10).value();
  ASSERT_EQ(all.size(), 300u);
  for (int i = 0; i < 300; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)].number, 300 - i);
  EXPECT_EQ(http_.requests().size(), 4u + 7u + 20u + 2u)
      << "of 50 to the heavy one, of 5 to it, one by one to the page's end, of 50 to the list's";
}

TEST_F(HeavyBodies, EverywhereMakeNoListTooLong) {
  fill(1020);
  std::vector<std::int64_t> every;
  for (int i = 1; i <= 1020; ++i) every.push_back(i);
  refuse_with(every);
  const auto all = list(10);
  ASSERT_TRUE(all.ok()) << all.error().what();
  EXPECT_EQ(all.value().size(), 1020u);
}

TEST_F(HeavyBodies, HideNothingHoweverTheServerClampsAndCounts) {
  for (const std::size_t clamp : {1, 3, 4, 7, 20, 30, 49, 50})
    for (const bool total : {true, false})
      for (const bool link : {true, false})
        for (const std::int64_t heavy : {17, 60, 101, 160}) {
          server_ = {};
          server_.clamp = clamp, server_.total = total, server_.link = link;
          fill(160);
          refuse_with({heavy});
          const auto all = list(10);
          ASSERT_TRUE(all.ok()) << all.error().what();
          EXPECT_EQ(all.value().size(), 160u)
              << "clamp " << clamp << " total " << total << " link " << link << " heavy " << heavy;
        }
}

TEST_F(PagesTest, APageOfManyTinyValuesIsRefusedBeforeItFillsTheMemory) {
  std::string body = "[{}";
  for (int i = 0; i < 600'000; ++i) body += ",{}";
  http_.enqueue(HttpResponse{200, FakeHttpClient::json_type(), body + "]"});
  const auto error = error_of(list_issues());
  EXPECT_EQ(error.code(), Code::too_large);
  EXPECT_THAT(error.message(), HasSubstr("listing the issues of org/app"));
  http_.enqueue(HttpResponse{403, FakeHttpClient::json_type(), body + "]"});
  EXPECT_EQ(error_of(list_issues()).code(), Code::denied);
}

TEST_F(PagesTest, AFailureOnAnyPageFailsTheListRatherThanShorteningIt) {
  fill(100);
  int pages = 0;
  http_.set_handler([&](const HttpRequest& request) -> Answer {
    return ++pages == 2 ? json(403, {{"message", "no"}}) : server_.answer(request);
  });
  EXPECT_EQ(error_of(list_issues()).code(), Code::denied);
  http_.enqueue(json(200, {{"not", "a list"}}));
  EXPECT_THAT(error_of(list_issues()).message(), HasSubstr("listing the issues of org/app"));
  http_.enqueue(json(200, Json::array({Json{{"number", "x"}}})));
  EXPECT_THAT(error_of(list_issues()).message(), HasSubstr("listing the issues of org/app"));
}

TEST(PageEnds, AreReadFromHeaders) {
  const auto end = [](HttpHeaders headers) { return read_page_end({200, std::move(headers), ""}); };
  EXPECT_EQ(end({{"x-total-count", "12"}}).total, 12u);
  for (const auto* bad : {"", "x", "-1", "12x", "99999999999999999999999"})
    EXPECT_EQ(end({{"x-total-count", bad}}).total, std::nullopt) << bad;
  EXPECT_EQ(end({}).next, std::nullopt);
  EXPECT_EQ(end({{"link", "<u>; rel=\"last\""}}).next, false);
  EXPECT_EQ(end({{"link", "<u>; rel=\"next\""}}).next, true);
}

}  // namespace
}  // namespace host
