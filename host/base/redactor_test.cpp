// SPDX-License-Identifier: Apache-2.0
#include "base/redactor.hpp"

#include <gtest/gtest.h>

#include "base/json.hpp"

namespace host {
namespace {

TEST(Redactor, BlotsOutCredentialsThatNobodyRegistered) {
  const Redactor redactor;
  EXPECT_EQ(redactor.scrub("Authorization: token abc\r\nHost: x"),
            "Authorization: [redacted]\r\nHost: x");
  EXPECT_EQ(redactor.scrub("GET /x?token=abc&page=2"), "GET /x?token=[redacted]&page=2");
}

TEST(Redactor, BlotsOutASecretHoweverItIsWritten) {
  Redactor redactor;
  redactor.add(Secret("s3cret/token+one=="));
  for (const auto* text : {"s3cret/token+one==", "czNjcmV0L3Rva2VuK29uZT09",
                           "s3cret%2Ftoken%2Bone%3D%3D", "s3cret%2ftoken%2bone%3d%3d"})
    EXPECT_EQ(redactor.scrub_known(text), "[redacted]") << text;
  // base64 of "token ...", "u:..." and "user:..." with more behind.
  for (const auto* text : {"dG9rZW4gczNjcmV0L3Rva2VuK29uZT09", "dTpzM2NyZXQvdG9rZW4rb25lPT0hIQ==",
                           "dXNlcjpzM2NyZXQvdG9rZW4rb25lPT0hISE="}) {
    const auto scrubbed = redactor.scrub_known(text);
    EXPECT_NE(scrubbed.find("[redacted]"), std::string::npos) << text;
    EXPECT_LT(scrubbed.size(), std::string("dG9rZW4g[redacted]xxxxxxxx").size()) << scrubbed;
  }
  // It has '+' and '/' in base64; URLs have others.
  Redactor other;
  other.add(Secret(">>>\x3f\x3f\x3f>>>"));
  EXPECT_EQ(other.scrub_known("Pj4-Pz8_Pj4-"), "[redacted]");
}

TEST(Redactor, DoesNotBlotOutWordsForAShortSecret) {
  Redactor redactor;
  redactor.add(Secret("a"));
  EXPECT_EQ(redactor.scrub("a banana"), "a banana");
}

TEST(Redactor, BlotsOutASecretThatEscapesOfJsonHide) {
  Redactor redactor;
  redactor.add(Secret("s3cret/token"));
  for (const auto* text : {R"({"a":["\u0073\u0033cret/token"]})", R"({"a":["s3cret\/token"]})",
                           R"({"a":["s3cret\u002Ftoken"]})", R"({"a":["s3cret/token"]})"})
    EXPECT_EQ(redactor.scrub_json(text), R"({"a":["[redacted]"]})") << text;
  EXPECT_EQ(redactor.scrub_json(R"({"s3cret\/token":1,"b":"\u00e9\\\"\n"})"),
            "{\"[redacted]\":1,\"b\":\"\u00e9\\\\\\\"\\n\"}");
  EXPECT_EQ(redactor.scrub_json(R"({"not json: s3cret\/token)"), "[redacted]");
}

TEST(Redactor, BlotsOutASecretOfAnyCharactersThatEscapesOfJsonHide) {
  Redactor redactor;
  redactor.add(Secret("p\u00e4ss\u20acw\U0001f511rd"));
  for (const auto* text :
       {R"({"a":"p\u00e4ss\u20acw\ud83d\udd11rd"})", R"({"a":"p\u00E4ss\u20ACw\uD83D\uDD11rd"})",
        R"({"a":"\u0070\u00e4ss\u20acw\ud83d\udd11\u0072d"})"})
    EXPECT_EQ(redactor.scrub_json(text), R"({"a":"[redacted]"})") << text;
  for (const auto* half :
       {R"(["\ud83d"])", R"(["\udd11\ud83d"])", R"(["\ud83d\u00e4"])", R"("\ud83d\u)"})
    EXPECT_EQ(redactor.scrub_json(half), half) << "half a pair is no character";
}

TEST(Redactor, LeavesOtherJsonAsItIs) {
  Redactor redactor;
  redactor.add(Secret("s3cret/token"));
  for (const auto* text :
       {R"({ "a" : "\u003cb\u003e s3cret \\ \uZZ" , "n": 1.50 })", R"("\u00)", "\\", ""})
    EXPECT_EQ(redactor.scrub_json(text), text);
}

TEST(Redactor, TakesTextThatIsMadeOfSecrets) {
  Redactor redactor;
  redactor.add(Secret("s3cret"));
  std::string text, blotted;
  for (int i = 0; i < 100'000; ++i) text += "s3cret ", blotted += "[redacted] ";
  EXPECT_EQ(redactor.scrub(text), blotted);
}

}  // namespace
}  // namespace host
