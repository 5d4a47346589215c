// SPDX-License-Identifier: Apache-2.0
//
// What may be asked of a model, and what leaves for it.
#include <gmock/gmock.h>

#include "base/error.hpp"
#include "tokens/banned.hpp"
#include "tokens/model_request.hpp"
#include "tokens/routes.hpp"

namespace host {
namespace {

using ::testing::HasSubstr;

ModelRoute route() {
  ModelRoute route;
  route.name = "main";
  route.url = "https://models.example/v1";
  route.provider = "acme";
  route.models = {"*"};
  route.max_output = Tokens(1000);
  return route;
}

Code failure(const std::function<void()>& work) {
  const auto result = attempt(work);
  return result.ok() ? Code::internal : result.error().code();
}

PreparedCall chat(const Json& more, const ModelRoute& by = route()) {
  Json body{{"model", "small"}, {"messages", Json::array()}};
  body.update(more);
  return prepare_call(ModelCallKind::chat, to_text(body), by, {});
}
Code refusal(const Json& more) {
  return failure([&] { (void)chat(more); });
}

TEST(BannedModels, ABannedModelIsRefusedHoweverItIsSpelled) {
  const BannedModels banned({}, {"claude-3-Opus", "gpt-4*"});
  for (const auto* name :
       {"claude-3-opus", "anthropic/claude-3-opus", "claude-3-opus:free", "claude-3-opus@20240229",
        "anthropic/claude-3-opus:beta:free", "us.anthropic.claude-3-opus", "~x/claude-3-opus",
        "anthropic.claude-3-opus:0", "gpt-4", "openai/gpt-4o-mini", "ft:gpt-4o:org::1",
        "@cf/openai/gpt-4o", "publishers/openai/models/gpt-4.1"})
    EXPECT_NE(banned.banning("acme", name), "") << name;
  for (const auto* name : {"claude-3-opus-mini", "gpt-3.5", "other/gpt-35"})
    EXPECT_EQ(banned.banning("acme", name), "") << name;
}

TEST(BannedModels, ABannedProviderIsRefusedInEveryPlaceOfAName) {
  const BannedModels banned({"Anthropic"}, {});
  for (const auto* name :
       {"anthropic/x", "us.anthropic.x", "a/anthropic/x", "x@anthropic", "anthropic"})
    EXPECT_NE(banned.banning("acme", name), "") << name;
  EXPECT_NE(banned.banning("ANTHROPIC", "x"), "");
  EXPECT_EQ(banned.banning("acme", "anthropical/x"), "");
  EXPECT_EQ(banned.banning("acme", "x-anthropic/y"), "");
}

TEST(BannedModels, ABanMayNameTheProviderBesides) {
  const BannedModels banned({}, {"acme/big-*"});
  EXPECT_NE(banned.banning("acme", "big-1"), "");
  EXPECT_EQ(banned.banning("other", "big-1"), "");
}

TEST(BannedModels, ABanThatCouldMatchNothingIsAnError) {
  for (const auto* entry : {"", "gpt 4", "clau\xd0\xb5", "a%20b"})
    EXPECT_EQ(failure([&] { (void)BannedModels({}, {entry}); }), Code::invalid) << entry;
}

TEST(PlainModelName, ANameWithTricksIsNone) {
  for (const auto* name : {"", " gpt-4", "gpt-4 ", "gpt\t4", "gpt%2D4", "gpt-4\n", "\xd1\x81laude",
                           "claude\xe2\x80\x8b", "\xef\xbd\x83laude", "a//b", "./a", "a/../b", "a/",
                           "/a", "a\\b", "a\"b", "*", "a?b", "a,b"})
    EXPECT_EQ(failure([&] { (void)plain_model_name(name); }), Code::invalid) << name;
  EXPECT_EQ(failure([&] { (void)plain_model_name(std::string("gpt\0x", 5)); }), Code::invalid);
  EXPECT_EQ(failure([&] { (void)plain_model_name(std::string(201, 'a')); }), Code::invalid);
  EXPECT_EQ(plain_model_name("FT:Gpt-4o:Org::1@x"), "ft:gpt-4o:org::1@x");
}

TEST(ChosenModels, OnlyWhatIsOnTheRouteAndByItsOwnSpelling) {
  auto by = route();
  by.models = {"Org/Small-1", "big-*"};
  const auto exact = choose_model(by, {}, "org/SMALL-1");
  EXPECT_EQ(exact.upstream, "Org/Small-1");
  EXPECT_EQ(exact.account.text(), "acme/org/small-1");
  const auto prefixed = choose_model(by, {}, "Acme/Big-Two");
  EXPECT_EQ(prefixed.upstream, "Big-Two");
  EXPECT_EQ(prefixed.account.text(), "acme/big-two");
  EXPECT_EQ(failure([&] { (void)choose_model(by, {}, "small-1"); }), Code::not_found);
  EXPECT_EQ(failure([&] { (void)choose_model(by, {}, "other/big-1"); }), Code::not_found);
  EXPECT_EQ(failure([&] { (void)choose_model(by, BannedModels({}, {"big-two"}), "acme/big-two"); }),
            Code::denied);
}

TEST(ChosenModels, NoSpellingIsAnAccountOfItsOwn) {
  for (const auto* name : {"small-1", "SMALL-1", "acme/small-1", "Acme/acme/Small-1"}) {
    const auto chosen = choose_model(route(), {}, name);
    EXPECT_EQ(chosen.account.text(), "acme/small-1") << name;
    EXPECT_EQ(chosen.upstream, name) << "as the upstream may know it";
  }
  auto by = route();
  by.models = {"acme/Small-1"};
  EXPECT_EQ(choose_model(by, {}, "acme/small-1").account.text(), "acme/small-1");
}

TEST(ChosenModels, AVariantIsTakenOnlyWhereTheRouteListsIt) {
  const auto upstream = [](std::vector<std::string> models, const char* asked) {
    auto by = route();
    by.models = std::move(models);
    const auto chosen = attempt([&] { return choose_model(by, {}, asked); });
    return chosen.ok() ? chosen.value().upstream : std::string(name(chosen.error().code()));
  };
  for (const auto* name : {"gpt-4o:nitro", "acme/gpt-4o:nitro", "gpt-4o@2024", "@cf/gpt-4o:nitro"})
    EXPECT_EQ(upstream({"*", "gpt-4o*", "*/gpt-4o*"}, name), "not_found") << name;
  EXPECT_EQ(upstream({"*", "gpt-4o:nitro"}, "acme/gpt-4o:nitro"), "gpt-4o:nitro");
  EXPECT_EQ(upstream({"*:*"}, "llama3:8b"), "llama3:8b");
  EXPECT_EQ(upstream({"*"}, "@cf/org/@small"), "@cf/org/@small") << "it stands before the name";
}

TEST(Routes, WithoutANameTheOnlyOneThatFitsIsPicked) {
  auto large = route();
  large.name = "large";
  large.models = {"large-*"};
  ModelRoutes routes{{large}, {}};
  EXPECT_EQ(routes.pick("", std::nullopt).name, "large");
  auto small = route();
  small.name = "small";
  small.models = {"small-1"};
  routes.routes.push_back(small);
  EXPECT_EQ(routes.pick("", "LARGE-2").name, "large");
  EXPECT_EQ(routes.pick("small", std::nullopt).name, "small");
  EXPECT_EQ(failure([&] { (void)routes.pick("", std::nullopt); }), Code::usage);
  EXPECT_EQ(failure([&] { (void)routes.pick("", "medium"); }), Code::not_found);
  EXPECT_EQ(failure([&] { (void)routes.pick("other", std::nullopt); }), Code::not_found);
  EXPECT_EQ(failure([&] { (void)ModelRoutes().pick("", std::nullopt); }), Code::not_found);
}

TEST(Routes, ThatMayNotBeUsedAreRefused) {
  const auto refused = [](const std::function<void(ModelRoute&)>& change) {
    auto one = route();
    change(one);
    return failure([&] { check_route(one); }) == Code::invalid;
  };
  EXPECT_FALSE(refused([](auto&) {}));
  EXPECT_TRUE(refused([](auto& one) { one.url = "ftp://x/"; }));
  EXPECT_TRUE(refused([](auto& one) { one.url = "https://u:p@x/v1"; }));
  EXPECT_TRUE(refused([](auto& one) { one.url = "https://x/v1?a=b"; }));
  EXPECT_TRUE(refused([](auto& one) { one.url = "http://x/v1", one.credential_file = "/k"; }));
  EXPECT_FALSE(
      refused([](auto& one) { one.url = "http://[::1]:80/v1", one.credential_file = "/k"; }));
  EXPECT_TRUE(refused([](auto& one) { one.models.clear(); }));
  EXPECT_TRUE(refused([](auto& one) { one.provider = ""; }));
  EXPECT_TRUE(refused([](auto& one) { one.bytes_per_token = 0; }));
  EXPECT_TRUE(refused([](auto& one) { one.max_output = Tokens(0); }));
}

TEST(ModelRequests, WhatIsNotKnownIsPassedOnToTheByteAndInOrder) {
  const std::string text =
      "\n{ \"logit_bias\" : [ {\"z\":1.10, \"a\" : {\"y\":[1e2,\"\\u00e9\\\"}\"]}} "
      "],\"model\":\"small\" , "
      "\"messages\":[],\"zz\":null,\"max_t\\u006fkens\":7, \"aa\":12345678901234567890123 }\n";
  auto call = prepare_call(ModelCallKind::chat, text, route(), {});
  EXPECT_EQ(call.body(Tokens(5)),
            "{\"logit_bias\":[ {\"z\":1.10, \"a\" : {\"y\":[1e2,\"\\u00e9\\\"}\"]}} "
            "],\"model\":\"small\","
            "\"messages\":[],\"zz\":null,\"aa\":12345678901234567890123,\"max_tokens\":5}");
}

TEST(ModelRequests, TheInputIsBoundByItsBytesAndItsMedia) {
  const Json parts = Json::parse(R"([{"role":"user","content":[{"type":"text","text":"x"},
    {"type":"image_url","image_url":{"url":"https://x/y.png"}},{"type":"input_audio"}]}])");
  const auto plain = chat(Json::object());
  EXPECT_EQ(
      plain.ask.input,
      Tokens(static_cast<std::int64_t>(std::string(R"({"messages":[],"model":"small"})").size())));
  const auto media = chat({{"messages", parts}});
  EXPECT_GT(media.ask.input, kMediaBound + kMediaBound);
  EXPECT_LT(media.ask.input, kMediaBound + kMediaBound + Tokens(300));
  auto thrifty = route();
  thrifty.bytes_per_token = 4;
  EXPECT_EQ(chat(Json::object(), thrifty).ask.input, Tokens((plain.ask.input.count() + 3) / 4));
}

TEST(ModelRequests, TheOutputIsBoundForAllChoicesTogether) {
  EXPECT_EQ(chat(Json::object()).ask.output, Tokens(1000));
  EXPECT_EQ(chat({{"max_tokens", nullptr}}).ask.output, Tokens(1000));
  EXPECT_EQ(chat({{"max_tokens", 9'000'000'000}, {"n", 8}}).ask.output, Tokens(8000));
  auto call = chat({{"max_tokens", 100}, {"n", 3}, {"max_completion_tokens", 40}});
  EXPECT_EQ(call.ask.output, Tokens(300));
  EXPECT_EQ(call.ask.least_output, Tokens(48));
  EXPECT_EQ(parse_json(call.body(Tokens(151)), "it")["max_tokens"], 50);
  EXPECT_EQ(chat({{"max_tokens", 3}}).ask.least_output, Tokens(3));
}

TEST(ModelRequests, TheBoundIsWrittenWhereTheUpstreamReadsIt) {
  auto newer = route();
  newer.provider = "OpenAI";
  auto call = chat({{"max_tokens", 100}}, newer);
  const auto sent = parse_json(call.body(Tokens(70)), "it");
  EXPECT_EQ(sent["max_completion_tokens"], 70);
  EXPECT_FALSE(sent.contains("max_tokens"));
}

TEST(ModelRequests, WhatCannotBeBoundIsRefused) {
  for (const auto& more : std::vector<Json>{{{"n", 0}},
                                            {{"n", 9}},
                                            {{"n", -1}},
                                            {{"n", 1.0}},
                                            {{"n", "2"}},
                                            {{"n", true}},
                                            {{"n", 18446744073709551615u}},
                                            {{"max_tokens", 0}},
                                            {{"max_tokens", 1.5}},
                                            {{"max_tokens", -1}},
                                            {{"max_completion_tokens", "7"}},
                                            {{"best_of", 2}},
                                            {{"n_predict", -1}},
                                            {{"n_cmpl", 2}},
                                            {{"Max_Tokens", 5}},
                                            {{"N", 5}},
                                            {{"MODEL", "other"}},
                                            {{"max_to\xe2\x84\xaa"
                                              "ens",
                                              5}},
                                            {{"stream", 1}},
                                            {{"stream", "true"}},
                                            {{"stream", true}, {"stream_options", 1}},
                                            {{"messages", "x"}},
                                            {{"model", 5}}})
    EXPECT_EQ(refusal(more), Code::invalid) << more;
}

TEST(ModelRequests, ATierOfAnotherPriceIsRefused) {
  for (const auto& tier : {Json("priority"), Json("flex"), Json("AUTO"), Json(1)})
    EXPECT_EQ(refusal({{"service_tier", tier}}), Code::invalid) << tier;
  EXPECT_EQ(refusal({{"Service_Tier", "auto"}}), Code::invalid);
  for (const auto& tier : {Json("auto"), Json("default"), Json()})
    EXPECT_EQ(chat({{"service_tier", tier}}).ask.output, Tokens(1000)) << tier;
}

TEST(ModelRequests, WhatWouldGoElsewhereIsRefused) {
  for (const auto* key : {"models", "fallbacks", "api_base", "base_url", "api_key", "Models",
                          "custom_llm_provider", "preset", "extra_headers"})
    EXPECT_EQ(refusal({{key, "x"}}), Code::invalid) << key;
  const Json preferring{{"model", "small"},
                        {"messages", Json::array()},
                        {"provider", {{"order", {"acme", "Anthropic"}}}}};
  EXPECT_EQ(failure([&] {
              (void)prepare_call(ModelCallKind::chat, to_text(preferring), route(),
                                 BannedModels({"anthropic"}, {}));
            }),
            Code::denied);
}

TEST(ModelRequests, WhatWouldBringInputThatTheRequestDoesNotShowIsRefused) {
  const Json search{{"type", "openrouter:web_search"}};
  for (const auto& more : std::vector<Json>{
           {{"plugins", Json::array({{{"id", "web"}}})}},
           {{"web_search_options", Json::object()}},
           {{"Web_Search_Options", Json::object()}},
           {{"search_parameters", {{"mode", "auto"}}}},
           {{"data_sources", Json::array()}},
           {{"vector_store_ids", {"vs_1"}}},
           {{"chat_template", "{% for i in range(9999999) %}x{% endfor %}"}},
           {{"mm_processor_kwargs", {{"max_pixels", 99999999}}}},
           {{"media_io_kwargs", {{"video", {{"num_frames", -1}}}}}},
           {{"chat_template_kwargs", {{"chat_template", "{% for i in range(9) %}x{% endfor %}"}}}},
           {{"chat_template_kwargs", {{"thinking_budget", 9999999}}}},
           {{"chat_template_kwargs", {{"enable_thinking", {true}}}}},
           {{"chat_template_kwargs", "enable_thinking"}},
           {{"Chat_Template_Kwargs", {{"enable_thinking", true}}}},
           {{"chat_template_args", {{"n", 9}}}},
           {{"tools", Json::array({search})}},
           {{"tools", Json::array({{{"type", 7}}})}},
           {{"tools", Json::array({{{"googleSearch", Json::object()}}})}},
           {{"tools", Json::array({{{"Type", "function"}, {"function", {{"name", "f"}}}}})}},
           {{"tools", Json::array({{{"type", "function"},
                                    {"function", {{"name", "f"}}},
                                    {"googleSearch", Json::object()}}})}},
           {{"tools", Json::array({{{"function", {{"name", "f"}}}}})}},
           {{"tools", Json::array({"web_search"})}},
           {{"tools", {{"googleSearch", Json::object()}}}},
           {{"Tools", Json::array({search})}}})
    EXPECT_EQ(refusal(more), Code::invalid) << more;
}

TEST(ModelRequests, SwitchesOfATemplateAndToolsThatAnswerWithTheNextRequestAreTaken) {
  for (const auto& more : std::vector<Json>{
           {{"chat_template_kwargs", {{"enable_thinking", false}, {"thinking", true}}}},
           {{"chat_template_kwargs", nullptr}},
           {{"tools", Json::array({{{"type", "function"}, {"function", {{"name", "f"}}}}})}},
           {{"tools", Json::array({{{"type", "custom"}, {"custom", {{"name", "f"}}}}})}},
           {{"tools", Json::array({{{"type", "function"},
                                    {"function", {{"name", "f"}, {"strict", true}}},
                                    {"cache_control", {{"type", "ephemeral"}}}}})}},
           {{"tools", Json::array({{{"type", "function"},
                                    {"name", "f"},
                                    {"description", "d"},
                                    {"parameters", Json::object()},
                                    {"strict", true}}})}},
           {{"tools", Json::array()}},
           {{"tools", nullptr}}})
    EXPECT_EQ(chat(more).ask.output, Tokens(1000)) << more;
}

TEST(ModelRequests, OfWhatLiesElsewhereOnlyAPictureIsTaken) {
  const auto part = [](const Json& one) {
    return Json{{"messages", {{{"role", "user"}, {"content", Json::array({one})}}}}};
  };
  for (const auto& one : std::vector<Json>{
           {{"type", "file"}, {"file", {{"file_id", "file-1"}}}},
           {{"type", "file"}, {"file", {{"file_data", "https://x/long.pdf"}}}},
           {{"type", "video_url"}, {"video_url", {{"url", "https://x/film.mp4"}}}},
           {{"type", "video_url"}, {"video_url", "gs://x/film.mp4"}},
           {{"type", "image_url"}, {"image_url", {{"url", "data:,"}}}, {"VIDEO_URL", "http://x"}},
           {{"audio_url", {{"url", "http://x/long.mp3"}}}}})
    EXPECT_EQ(refusal(part(one)), Code::invalid) << one;
  for (const auto& one : std::vector<Json>{
           {{"type", "image_url"}, {"image_url", {{"url", "https://x/y.png"}}}},
           {{"image_url", "https://x/y.png"}},
           {{"type", "file"}, {"file", {{"file_data", "data:application/pdf;base64,AAAA"}}}},
           {{"type", "input_audio"}, {"input_audio", {{"data", "AAAA"}, {"format", "wav"}}}},
           {{"type", "thinking"}, {"thinking", "https://x/ is where it lies"}}}) {
    const auto bound = chat(part(one)).ask.input;
    EXPECT_GT(bound, kMediaBound) << one;
    EXPECT_LT(bound, kMediaBound + kMediaBound) << one;
  }
  EXPECT_LT(chat(part({{"type", "text"}, {"text", "https://x/"}})).ask.input, kMediaBound);
}

TEST(ModelRequests, WhatIsNoRequestIsRefusedWithItsPlace) {
  const auto refused = [](const std::string& text) {
    const auto result =
        attempt([&] { return prepare_call(ModelCallKind::chat, text, route(), {}); });
    EXPECT_FALSE(result.ok()) << text.substr(0, 80);
    return result.ok() ? std::string() : result.error().message();
  };
  refused("");
  refused("[]");
  refused("{\"model\":\"a\",\"messages\":[]}x");
  refused("{\"model\":\"a\",\"messages\":[],\"u\":\"\xff\"}");
  EXPECT_THAT(refused(R"({"model":"a","messages":[],"model":"b"})"), HasSubstr("stands twice"));
  EXPECT_THAT(refused("{\"model\":\"a\",\"messages\":[],\"mod\\u0065l\":\"b\"}"),
              HasSubstr("stands twice"));
  EXPECT_THAT(refused("{\"a\":" + std::string(200'000, '[')), HasSubstr("levels deep"));
  EXPECT_THAT(refused(std::string(kModelRequestCap + 1, ' ')), HasSubstr("16 MiB"));
}

TEST(ModelRequests, AStreamIsAskedForItsUsageBesidesWhatItAskedFor) {
  auto call =
      chat({{"stream", true},
            {"stream_options", {{"include_usage", false}, {"include_obfuscation", false}}}});
  EXPECT_TRUE(call.stream);
  EXPECT_FALSE(call.usage_wanted);
  const auto options = parse_json(call.body(Tokens(5)), "it")["stream_options"];
  EXPECT_EQ(options, Json::parse(R"({"include_usage":true,"include_obfuscation":false})"));
  EXPECT_TRUE(chat({{"stream", true}, {"stream_options", {{"include_usage", true}}}}).usage_wanted);
}

TEST(ModelRequests, EmbeddingsHaveNoOutput) {
  auto call =
      prepare_call(ModelCallKind::embeddings, R"({"model":"small","input":"x"})", route(), {});
  EXPECT_EQ(call.ask.output, Tokens(0));
  EXPECT_EQ(call.body(Tokens(0)), R"({"model":"small","input":"x"})");
  for (const auto* text : {R"({"model":"small"})", R"({"model":"small","input":"x","messages":[]})",
                           R"({"model":"small","input":[{"video":"https://x/y.mp4"}]})"})
    EXPECT_EQ(failure([&] { (void)prepare_call(ModelCallKind::embeddings, text, route(), {}); }),
              Code::invalid)
        << text;
  EXPECT_GT(
      prepare_call(ModelCallKind::embeddings,
                   R"({"model":"small","input":["x",{"image":"https://x/y.png"}]})", route(), {})
          .ask.input,
      kMediaBound);
}

}  // namespace
}  // namespace host
