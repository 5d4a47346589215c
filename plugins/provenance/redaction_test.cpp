// SPDX-License-Identifier: Apache-2.0
//
// Canaries: one of each kind of secret and personal data, in each place that text is found in.
#include "redaction.hpp"

#include "fixture.hpp"
#include "json_text.hpp"

namespace provenance {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Canary {
  const char* rule;
  std::string secret;  // must be gone
  std::string text;    // in which it stands, with words around it
};

// Put together, so that no scanner of this tree takes one for real.
std::string joined(const std::string& a, const std::string& b) { return a + b; }

std::vector<Canary> canaries() {
  const std::string key = joined("-----BEGIN RSA PRIV", "ATE KEY-----\n") +
                          "MIIEpAIBAAKCAQEAx4UbaDzY5xjW6hc9jwN0mX\nabc+/def==\n" +
                          joined("-----END RSA PRIV", "ATE KEY-----");
  return {
      {"private_key", "MIIEpAIBAAKCAQEAx4UbaDzY5xjW6hc9jwN0mX", "cat key\n" + key + "\ndone"},
      {"url_password", "s3cr3tpw", "psql postgres://app:s3cr3tpw@db.example.org/app now"},
      {"authorization",
       "dXNlcjpwYXNzd29yZA==", "curl -H 'Authorization: Basic dXNlcjpwYXNzd29yZA==' x"},
      {"bearer", "abcdef0123456789abcdef", "sent Bearer abcdef0123456789abcdef to it"},
      {"jwt", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N",
       "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N back"},
      {"provider_key", joined("sk-ant-", "api03-abcdefghijklmnopqrst"),
       "export K " + joined("sk-ant-", "api03-abcdefghijklmnopqrst") + " ok"},
      {"provider_key", joined("sk-proj-", "abcdefghijklmnop1234"),
       "is " + joined("sk-proj-", "abcdefghijklmnop1234") + " ok"},
      {"provider_key", joined("hf_", "abcdefghijklmnopqrstuvwxyz"),
       "is " + joined("hf_", "abcdefghijklmnopqrstuvwxyz") + " ok"},
      {"provider_key", joined("AIza", "SyA1234567890abcdefghijklmnopqrstuv"),
       "is " + joined("AIza", "SyA1234567890abcdefghijklmnopqrstuv") + " ok"},
      {"forge_token", joined("ghp_", "abcdefghijklmnopqrstuvwxyz0123456789"),
       "push " + joined("ghp_", "abcdefghijklmnopqrstuvwxyz0123456789") + " ok"},
      {"forge_token", joined("glpat-", "abcdefghij0123456789"),
       "push " + joined("glpat-", "abcdefghij0123456789") + " ok"},
      {"cloud_key", joined("AKIA", "IOSFODNN7EXAMPLE"),
       "id " + joined("AKIA", "IOSFODNN7EXAMPLE") + " ok"},
      {"chat_token", joined("xoxb-", "123456789012-abcdefghij"),
       "bot " + joined("xoxb-", "123456789012-abcdefghij") + " ok"},
      {"chat_token", joined("123456789:AA", "abcdefghijklmnopqrstuvwxyz0123456"),
       "bot " + joined("123456789:AA", "abcdefghijklmnopqrstuvwxyz0123456") + " ok"},
      {"password", "correcthorse", "mysql --password=correcthorse app"},
      {"password", "Tr0ub&dor3xyz", "env password=Tr0ub&dor3xyz app"},
      {"password", "s$e|c(r)et", "env password=s$e|c(r)et app"},
      {"password", "hunter2", "mysql --password hunter2 app"},
      {"password", "my correct horse battery", "env PASSWORD=\"my correct horse battery\" app"},
      {"password", "my correct horse battery", "env --db-password 'my correct horse battery' app"},
      {"password", "hunter2xyz", R"(env payload="{\"password\":\"hunter2xyz\",\"n\":1}" app)"},
      {"password", "my own horse", R"(env payload="{\"password\": \"my own horse\"}" app)"},
      {"password", "my own horse", R"(env x="{\\\"password\\\": \\\"my own horse\\\"}" app)"},
      {"assigned_secret", "abcd1234efgh5678",
       R"(env payload="{\"n\":1,\"api_key\":\"abcd1234efgh5678\"}" app)"},
      {"authorization", "dXNlcjpwYXNzd29yZA==",
       R"(env x="{\"Authorization\": \"Basic dXNlcjpwYXNzd29yZA==\"}" app)"},
      {"chat_token", "hooks.slack.com/services/T0123456/B0123456/abcdefghijkl",
       R"(post hooks.slack.com/services/T0123456/B0123456/abcdefghijkl it)"},
      {"chat_token", R"(hooks.slack.com\/services\/T0123456\/B0123456\/abcdefghijkl)",
       R"(post https:\/\/hooks.slack.com\/services\/T0123456\/B0123456\/abcdefghijkl it)"},
      {"url_password", "pw4proxy", R"(via http:\/\/user:pw4proxy@proxy\/v1 it)"},
      {"url_password", "pw4proxy", "via http://user:pw4proxy@proxy/v1 it"},
      {"home_path", "alexandra", R"(open "\/home\/alexandra\/notes.txt" now)"},
      {"assigned_secret", "f3a9c1d2e4b5", "GITEA_TOKEN=f3a9c1d2e4b5 make"},
      {"email", "ada.lovelace@example.org", "mail ada.lovelace@example.org now"},
      {"ipv4", "203.0.113.77", "ssh to 203.0.113.77 now"},
      {"ipv6", "2001:db8:85a3::8a2e:370:7334", "ssh to 2001:db8:85a3::8a2e:370:7334 now"},
      {"phone", "+49 170 1234567", "call +49 170 1234567 now"},
      {"phone", "555-123-4567", "call 555-123-4567 now"},
      {"home_path", "alexandra", "open /home/alexandra/notes.txt now"},
      {"home_path", "alexandra", "open C:\\Users\\alexandra\\notes.txt now"},
  };
}

class RedactionTest : public testing::Test {
 protected:
  std::string redacted(const std::string& text) {
    std::string out;
    counts_.assign(redaction_rules().size(), 0);
    return redactor_.redact(text, out, counts_) ? out : text;
  }
  std::uint32_t count(const std::string& rule) const {
    for (std::size_t i = 0; i < counts_.size(); ++i)
      if (rule == redaction_rules()[i].name) return counts_[i];
    return 0;
  }
  static std::string in_json(const std::string& text) {
    std::string out = "{\"n\":1,\"command\":";
    append_json_string(out, text);
    return out + ",\"x\":[true]}";
  }

  Redactor redactor_;
  RedactionCounts counts_;
};

TEST_F(RedactionTest, TakesEachCanaryOutOfAText) {
  for (const auto& canary : canaries()) {
    const auto left = redacted(canary.text);
    EXPECT_THAT(left, Not(HasSubstr(canary.secret))) << canary.text;
    EXPECT_THAT(left, HasSubstr("[REDACTED:")) << canary.text;
    EXPECT_GE(count(canary.rule), 1u) << canary.rule << ": " << left;
    EXPECT_EQ(left.substr(0, 3), canary.text.substr(0, 3)) << "what stands before it stays";
    EXPECT_EQ(left.back(), canary.text.back()) << "and what stands behind";
  }
}

TEST_F(RedactionTest, TakesEachOutOfJsonAndLeavesJson) {
  for (const auto& canary : canaries()) {
    for (const int times : {1, 2, 3}) {
      std::string text = canary.text;
      for (int i = 0; i < times; ++i) text = in_json(text);
      const auto left = redacted(text);
      ASSERT_TRUE(timmy::Json::accept(left)) << left;
      auto inner = timmy::Json::parse(left);
      EXPECT_EQ(inner.at("n"), 1);
      for (int i = 1; i < times; ++i)
        inner = timmy::Json::parse(inner.at("command").get<std::string>());
      EXPECT_THAT(inner.at("command").get<std::string>(), Not(HasSubstr(canary.secret))) << left;
    }
  }
}

TEST_F(RedactionTest, TakesEachOutAfterAnEscapeInASourceText) {
  for (const auto& canary : canaries()) {
    const auto left = redacted("say(\"first\\n" + canary.secret + "\")");
    if (std::string(
            "password assigned_secret url_password authorization bearer home_path private_key")
            .find(canary.rule) != std::string::npos)
      continue;  // what makes these known stands before them
    EXPECT_THAT(left, Not(HasSubstr(canary.secret))) << left;
    EXPECT_THAT(left, HasSubstr("first\\n")) << left;
  }
}

TEST_F(RedactionTest, FindsWhatEscapesHide) {
  const auto left = redacted(R"({"to":"ada\u0040example.org","k":"\u0073k-abcdefghijklmnopqrst"})");
  EXPECT_EQ(left, R"({"to":"[REDACTED:email]","k":"[REDACTED:provider_key]"})");
}

// A slash may be written \/ in JSON.
TEST_F(RedactionTest, FindsWhatASlashThatIsEscapedHides) {
  EXPECT_THAT(redacted(R"({"path":"\/home\/alexandra\/x","n":1})"), Not(HasSubstr("alexandra")));
  const auto left = redacted(
      R"({"url":"https:\/\/hooks.slack.com\/services\/T0123456\/B0123456\/abcdefghijkl"})");
  EXPECT_THAT(left, AllOf(HasSubstr("[REDACTED:chat_token]"), Not(HasSubstr("abcdefghijkl"))));
}

TEST_F(RedactionTest, AQuotedPasswordGoesToItsQuoteAndAnOptionIsNone) {
  EXPECT_EQ(redacted(R"(PASSWORD="my correct horse battery" make)"),
            R"(PASSWORD="[REDACTED:password]" make)");
  EXPECT_EQ(redacted(R"(x="{\"password\":\"a b \", \"n\":1}")"),
            R"(x="{\"password\":\"[REDACTED:password]\", \"n\":1}")");
  EXPECT_EQ(redacted("login --password --user bob"), "login --password --user bob");
  EXPECT_EQ(redacted("login --password-stdin bobs"), "login --password-stdin bobs");
}

TEST_F(RedactionTest, AMemberThatIsNamedASecretIsOne) {
  EXPECT_EQ(redacted(R"({"db_password": "hunter two", "port": 5432})"),
            R"({"db_password": "[REDACTED:assigned_secret]", "port": 5432})");
  EXPECT_EQ(
      redacted(R"({"password": 12345678, "apiKey": "a b"})"),
      R"({"password": "[REDACTED:assigned_secret]", "apiKey": "[REDACTED:assigned_secret]"})");
  EXPECT_EQ(redacted(R"({"max_tokens": 4096, "tokens": "many"})"),
            R"({"max_tokens": 4096, "tokens": "many"})");
}

TEST_F(RedactionTest, LeavesTheRestByteForByte) {
  const std::string same[] = {
      "Fix issue #12: off-by-one in pager",
      R"({"output": "1 failed, 3 passed", "exit_code": 1, "error": null})",
      "at 2026-03-30T14:11:39Z version 1.22.333 took 12:34:56",
      "namespace a::b { std::string c; } // abc::def",
      "listens on 127.0.0.1:8080 and [::1]:8080, not 0.0.0.0",
      "git clone git@github.com:org/app.git",
      "the token: a word",
      "pages 100-200, 3.14159, 1,000,000",
      R"({"a":"caf\u00e9 \u20ac","b":"tab\there"})",
      "https://example.org/a?b=c#d",
      "token = next_token()",
      "Authorization: Bearer",
      "authorization: negotiate",
      "@@ -7,2 +1234,5 @@ and +12345",
  };
  for (const auto& text : same) EXPECT_EQ(redacted(text), text);
}

TEST_F(RedactionTest, WhatIsRedactedStaysAsItIs) {
  for (const auto& canary : canaries()) {
    const auto once = redacted(canary.text);
    EXPECT_EQ(redacted(once), once);
    const auto json = redacted(in_json(canary.text));
    EXPECT_EQ(redacted(json), json);
  }
}

TEST_F(RedactionTest, TheDigestIsOverTheRulesAndTheirVersion) {
  auto rules = redaction_rules();
  const auto digest = redaction_digest(rules, kRedactionVersion);
  EXPECT_EQ(redactor_.digest(), digest);
  EXPECT_NE(redaction_digest(rules, kRedactionVersion + 1), digest);
  rules[0].hints.push_back("more");
  EXPECT_NE(redaction_digest(rules, kRedactionVersion), digest);
  rules = redaction_rules();
  rules[0].pattern = "other";
  EXPECT_NE(redaction_digest(rules, kRedactionVersion), digest);
}

TEST_F(RedactionTest, TakesAnyBytes) {
  std::string noise;
  for (int i = 0; i < 4096; ++i) noise += static_cast<char>(i * 167 % 256);
  EXPECT_EQ(redacted(noise + " ada@example.org").size(), noise.size() + 17);
  const std::string deep(100'000, '[');
  EXPECT_EQ(redacted(deep + "\"a@b.org\""), deep + "\"[REDACTED:email]\"");
}

TEST_F(RedactionTest, EachHintIsNeededByAPatternAndEachPatternHasOne) {
  const RedactionHints hints(redaction_rules());
  for (const auto& canary : canaries()) {
    std::uint32_t rule = 0;
    while (redaction_rules()[rule].name != std::string(canary.rule)) ++rule;
    EXPECT_NE(hints.rules_for(canary.text) >> rule & 1u, 0u) << canary.rule;
  }
  EXPECT_EQ(hints.rules_for("plain words, no more"), 0u);
}

}  // namespace
}  // namespace provenance
