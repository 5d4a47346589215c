// SPDX-License-Identifier: Apache-2.0
#include "gitea/webhook.hpp"

#include <gmock/gmock.h>

#include "base/error.hpp"
#include "http/server.hpp"

namespace host {
namespace {

using testing::HasSubstr;

// The vector that anybody can compute again: openssl dgst -sha256 -hmac timmy-secret.
constexpr const char* kBody = "{\n  \"action\": \"opened\",\n  \"number\": 7\n}";
constexpr const char* kSignature =
    "b7ab48149615ea4785776f4a3d4eb1b5895e8b16e09d785a835b50472a6e9418";

std::vector<Secret> secrets(std::initializer_list<const char*> texts) {
  std::vector<Secret> all;
  for (const char* text : texts) all.emplace_back(text);
  return all;
}

ServerRequest with(const std::string& name, const std::string& value) {
  ServerRequest request;
  request.headers = {{"host", "x"}, {name, value}};
  return request;
}

TEST(WebhookSignature, IsTakenFromTheHeadersOfEitherForge) {
  EXPECT_EQ(webhook_signature(with("x-gitea-signature", kSignature)), kSignature);
  EXPECT_EQ(webhook_signature(with("x-forgejo-signature", kSignature)), kSignature);
  EXPECT_EQ(webhook_signature(with("x-hub-signature-256", std::string("sha256=") + kSignature)),
            kSignature);
}

TEST(WebhookSignature, IsNoneWhenMissingEmptyShortUpperCaseOrDressedUp) {
  const std::string signature = kSignature;
  std::string upper = signature;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  EXPECT_EQ(webhook_signature(with("x-other", signature)), std::nullopt);
  EXPECT_EQ(webhook_signature(with("x-hub-signature-256", signature)), std::nullopt);
  EXPECT_EQ(webhook_signature(with("x-hub-signature-256", "sha256=")), std::nullopt);
  for (const std::string& wrong :
       {std::string(), signature.substr(1), signature + "0", upper, signature + "," + signature,
        "sha256=" + signature, " " + signature.substr(1), std::string(64, 'g')})
    EXPECT_EQ(webhook_signature(with("x-gitea-signature", wrong)), std::nullopt) << wrong;
}

TEST(WebhookSignature, FitsTheBytesUnderEitherOfTwoSecrets) {
  EXPECT_TRUE(is_signed_by(kBody, kSignature, secrets({"timmy-secret"})));
  EXPECT_TRUE(is_signed_by(kBody, kSignature, secrets({"new", "timmy-secret"})));
  EXPECT_TRUE(is_signed_by(kBody, kSignature, secrets({"timmy-secret", "new"})));
}

TEST(WebhookSignature, FitsNoOtherBytesKeyOrEmptySecret) {
  std::string changed = kBody;
  changed.back() = ']';
  EXPECT_FALSE(is_signed_by(changed, kSignature, secrets({"timmy-secret"})));
  EXPECT_FALSE(is_signed_by(std::string(kBody) + "\n", kSignature, secrets({"timmy-secret"})));
  EXPECT_FALSE(is_signed_by(kBody, kSignature, secrets({"timmy-secre"})));
  EXPECT_FALSE(is_signed_by(kBody, kSignature, {}));
  // What HMAC gives under an empty key, which a hook without a secret could be taken to have.
  EXPECT_FALSE(is_signed_by("", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad",
                            secrets({""})));
}

TEST(ForgeEvent, IsToldByWhatTheBodyHolds) {
  const std::string repo = R"("repository":{"full_name":"org/app"},"sender":{"login":"amy"})";
  struct Case {
    const char* kind;
    std::string body;
  };
  for (const auto& [kind, body] : std::vector<Case>{
           {"issues", R"({"action":"opened","issue":{"number":7},)" + repo + "}"},
           {"issue_comment",
            R"({"action":"created","issue":{"number":7},"comment":{"id":1},)" + repo + "}"},
           {"issue_comment",
            R"({"action":"created","pull_request":{"number":7},"comment":{},)" + repo + "}"},
           {"pull_request", R"({"action":"opened","pull_request":{"number":7},)" + repo + "}"},
           {"pull_request", R"({"pull_request":{"number":7},"review":null,)" + repo + "}"},
           {"pull_request_review",
            R"({"action":"reviewed","pull_request":{"number":7},"review":{"type":"x"},)" + repo +
                "}"}}) {
    const ForgeEvent event = read_forge_event(body);
    EXPECT_EQ(event.kind, kind) << body;
    EXPECT_EQ(event.repo, "org/app");
    EXPECT_EQ(event.number, 7);
    EXPECT_EQ(event.sender, "amy");
  }
}

TEST(ForgeEvent, OfAPushHasItsRefAndNoNumber) {
  const ForgeEvent event = read_forge_event(
      R"({"ref":"refs/heads/main","before":"0","after":"1","repository":{"full_name":"o/a"}})");
  EXPECT_EQ(event.kind, "push");
  EXPECT_EQ(event.ref, "refs/heads/main");
  EXPECT_EQ(event.number, 0);
}

TEST(ForgeEvent, OfAStatusHasItsCommit) {
  const ForgeEvent event = read_forge_event(
      R"({"sha":"c0ffee","context":"ci","state":"success","repository":{"full_name":"o/a"}})");
  EXPECT_EQ(event.kind, "status");
  EXPECT_EQ(event.ref, "c0ffee");
  EXPECT_EQ(event.number, 0);
}

TEST(ForgeEvent, OfAKindThatNobodyAsksForIsOther) {
  EXPECT_EQ(read_forge_event("{}").kind, "other");
  EXPECT_EQ(read_forge_event(R"({"release":{},"repository":{"full_name":"o/a"}})").kind, "other");
}

TEST(ForgeEvent, ThatIsNoneIsRefusedWithoutACrash) {
  for (const char* body : {"", "null", "[]", "7", "{", R"({"issue":{"number":1}})",
                           R"({"issue":{"number":1},"repository":{"full_name":"../x"}})",
                           R"({"issue":{"number":1},"repository":{"full_name":7}})"})
    EXPECT_THROW(static_cast<void>(read_forge_event(body)), Error) << body;
}

TEST(ForgeEvent, TakesWrongTypesForNothing) {
  const ForgeEvent event = read_forge_event(
      R"({"action":[],"sender":"amy","issue":{"number":"7"},"repository":{"full_name":"o/a"}})");
  EXPECT_EQ(event.action, "");
  EXPECT_EQ(event.sender, "");
  EXPECT_EQ(event.number, 0);
  EXPECT_EQ(read_forge_event(R"({"issue":{"number":-3},"repository":{"full_name":"o/a"}})").number,
            0);
}

TEST(ForgeEvent, OfEndlessDepthIsRefused) {
  EXPECT_THAT([] { static_cast<void>(read_forge_event(std::string(100000, '['))); },
              testing::Throws<Error>());
}

}  // namespace
}  // namespace host
