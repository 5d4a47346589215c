// SPDX-License-Identifier: Apache-2.0
#include "validation.hpp"

#include "fixture.hpp"

namespace provenance {
namespace {

using testing::HasSubstr;
using timmy::Json;
using Ordered = nlohmann::ordered_json;

class ValidationTest : public FolderTest {
 protected:
  ValidationTest() {
    stores_.put(Writer("s").user("a").says("A").done());
    stores_.put(Writer("t")
                    .user("b")
                    .calls({{"1", "terminal", "{\"command\":\"ls\"}"}})
                    .result("1", "x")
                    .says("B")
                    .done());
    ingest();
    path_ = out() / "pairs" / manifest().files.at(0).name;
  }

  static std::string refusal(const std::function<void()>& check) {
    try {
      check();
      return "";
    } catch (const timmy::Permanent& failure) {
      EXPECT_EQ(failure.code(), "offence");
      return failure.what();
    }
  }
  std::string of_output() const {
    return refusal([&] { (void)validate_output(settings(), [](std::int64_t) {}); });
  }
  std::string of_file(const std::filesystem::path& path) const {
    return refusal([&] { (void)validate_file(path, settings(), [](std::int64_t) {}); });
  }
  // What is said of the file with its second line changed.
  std::string with(const std::function<void(Ordered&)>& change) const {
    const auto lines = text_of(path_);
    const auto second = lines.find('\n') + 1;
    auto pair = Ordered::parse(lines.substr(second));
    change(pair);
    return with_text(lines.substr(0, second) + pair.dump() + "\n");
  }
  std::string with_text(const std::string& text) const {
    const auto path = home_ / "changed.jsonl";
    std::ofstream(path, std::ios::trunc | std::ios::binary) << text;
    return of_file(path);
  }

  std::filesystem::path path_;
};

TEST_F(ValidationTest, TakesWhatCameOut) {
  EXPECT_EQ(of_file(path_), "");
  EXPECT_EQ(of_output(), "");
  EXPECT_EQ(validate_file(path_, settings(), [](std::int64_t) {}).at("pairs"), 2);
}

TEST_F(ValidationTest, NamesFileAndLineOfTheFirstThatIsNone) {
  const auto said = with([](Ordered& pair) { pair["metadata"]["license"] = ""; });
  EXPECT_EQ(said, (home_ / "changed.jsonl").string() + ":2: no licence: metadata.license");
}

TEST_F(ValidationTest, RefusesEachThingThatIsMissing) {
  const std::pair<const char*, const char*> needed[] = {
      {"session_id", "no session"},      {"model_name", "no model"},
      {"license", "no licence"},         {"consent_rule", "no rule"},
      {"model_provider", "no provider"}, {"timestamp", "no time"},
      {"consent_level", "no consent"},   {"source", "no source"}};
  for (const auto& each : needed) {
    const auto* const key = each.first;
    EXPECT_THAT(with([&](Ordered& pair) { pair["metadata"][key] = ""; }), HasSubstr(each.second));
    EXPECT_THAT(with([&](Ordered& pair) { pair["metadata"].erase(key); }),
                HasSubstr("has not \"" + std::string(key) + "\""));
    EXPECT_THAT(with([&](Ordered& pair) { pair["metadata"][key] = nullptr; }),
                HasSubstr("is no text"));
  }
  EXPECT_THAT(with([](Ordered& pair) { pair["metadata"]["consent_level"] = "none"; }),
              HasSubstr("no consent"));
  EXPECT_THAT(with([](Ordered& pair) { pair["metadata"]["chain"]["rows"] = Ordered::array(); }),
              HasSubstr("no anchor"));
  EXPECT_THAT(with([](Ordered& pair) { pair["metadata"]["chain"]["rows"][0]["anchor"] = ""; }),
              HasSubstr("no anchor"));
}

// A loader takes each column to be of one type: another one, even with an id that fits, breaks it.
TEST_F(ValidationTest, RefusesEachThingThatIsOfAnotherType) {
  const std::pair<const char*, const char*> wrong[] = {
      {"/tokens/known", "metadata.tokens.known"},
      {"/tokens/input", "metadata.tokens.input"},
      {"/tokens/reasoning", "metadata.tokens.reasoning"},
      {"/tokens", "metadata.tokens is no object"},
      {"/store", "metadata.store is no object"},
      {"/store/kind", "no kind of store"},
      {"/redactions", "metadata.redactions is no list"},
      {"/tool_call_trajectory", "trajectory is no list"},
      {"/tool_call_trajectory/0/result_bytes", "a step.result_bytes"},
      {"/turn", "metadata.turn"},
      {"/context_messages", "metadata.context_messages"},
      {"/context_left_out", "metadata.context_left_out"}};
  for (const auto& each : wrong) {
    const Ordered::json_pointer place(each.first);
    EXPECT_THAT(with([&](Ordered& pair) { pair["metadata"][place] = "x"; }), HasSubstr(each.second))
        << each.first;
  }
  const auto number = [&](const char* pointer, auto value) {
    return with([&](Ordered& pair) { pair["metadata"][Ordered::json_pointer(pointer)] = value; });
  };
  EXPECT_THAT(number("/turn", 0), HasSubstr("metadata.turn is no whole number from 1"));
  EXPECT_THAT(number("/turn", 1.5), HasSubstr("metadata.turn"));
  EXPECT_THAT(number("/tokens/output", -1), HasSubstr("metadata.tokens.output"));
  EXPECT_THAT(with([](Ordered& pair) {
                pair["metadata"]["redactions"] = Ordered::parse(R"([{"rule":"email","count":0}])");
              }),
              HasSubstr("a redaction.count"));
}

// Whatever is changed in a line, something no longer fits it.
TEST_F(ValidationTest, RefusesEachThingThatWasChanged) {
  const auto lines = text_of(path_);
  const auto second = lines.find('\n') + 1;
  const auto pair = Ordered::parse(lines.substr(second));
  int changed = 0;
  const auto flat = pair.flatten();
  for (const auto& [pointer, value] : flat.items()) {
    if (pointer.starts_with("/metadata/tokens")) continue;  // they go on counting
    auto other = pair;
    auto& at = other[Ordered::json_pointer(pointer)];
    if (at.is_string())
      at = at.get<std::string>() + "x";
    else if (at.is_number())
      at = at.get<int>() + 1;
    else
      continue;  // an empty list
    EXPECT_NE(with_text(lines.substr(0, second) + other.dump() + "\n"), "") << pointer;
    ++changed;
  }
  EXPECT_GT(changed, 40);
}

TEST_F(ValidationTest, RefusesWhatIsNotInItsForm) {
  const auto text = text_of(path_);
  EXPECT_THAT(with_text(text.substr(0, text.size() - 1)), HasSubstr(":2: the file ends inside"));
  EXPECT_THAT(with_text(text + "\n"), HasSubstr(":3: no JSON"));
  EXPECT_THAT(with_text(text + "[]\n"), HasSubstr(":3: a line is no object"));
  EXPECT_THAT(with_text(text + std::string(1000, '[') + "\n"), HasSubstr(":3: nested deeper"));
  EXPECT_THAT(with_text(" " + text), HasSubstr(":1: the line is not in the form"));
  EXPECT_THAT(with([](Ordered& pair) { pair["more"] = 1; }), HasSubstr("more than its schema"));
  auto twice = text;
  twice.insert(1, "\"prompt\":[],");
  EXPECT_NE(with_text(twice), "");
  EXPECT_EQ(with_text(""), "") << "an empty file has no pair that is none";
}

TEST_F(ValidationTest, ALineThatIsLongerThanAnyPairIsAnOffence) {
  const auto path = home_ / "long.jsonl";
  std::ofstream(path, std::ios::binary) << text_of(path_);
  const auto lines = std::filesystem::file_size(path);
  std::filesystem::resize_file(path, lines + (84 << 20));
  EXPECT_THAT(of_file(path), HasSubstr(":3: the line has more than 83 MiB"));
  std::ofstream(path, std::ios::binary | std::ios::app) << "\n";
  EXPECT_THAT(of_file(path), HasSubstr(":3: the line has more than 83 MiB"));
}

TEST_F(ValidationTest, RefusesWhatIsLessThanTheLeastConsent) {
  config_["least_consent"] = "public";
  EXPECT_THAT(of_file(path_), HasSubstr(":1: consent is less than least_consent"));
}

TEST_F(ValidationTest, TheOutputIsWhatItsManifestLists) {
  const auto text = text_of(path_);
  const auto first = text.substr(0, text.find('\n') + 1);
  std::ofstream(path_, std::ios::trunc | std::ios::binary) << first;
  EXPECT_THAT(of_output(), HasSubstr("not the one that the manifest lists"));
  std::ofstream(path_, std::ios::trunc | std::ios::binary) << text << first;
  EXPECT_THAT(of_output(), HasSubstr("not the one that the manifest lists"));
}

// Of what no hash in the line is over, as its tokens, only the file's own tells.
TEST_F(ValidationTest, TheOutputIsByteForByteWhatItsManifestLists) {
  auto text = text_of(path_);
  const auto at = text.find("\"input\":1200");
  ASSERT_NE(at, std::string::npos);
  text.replace(at, 12, "\"input\":1201");
  std::ofstream(path_, std::ios::trunc | std::ios::binary) << text;
  EXPECT_EQ(of_file(path_), "") << "a line of a pair";
  EXPECT_THAT(of_output(), HasSubstr(path_.filename().string()));
}

TEST_F(ValidationTest, TheOutputIsWhatThePolicyOfTodayAllows) {
  allow({rule("own", "internal", {{"source", "cli"}}), rule("gone", "none", {{"session", "t"}})});
  EXPECT_THAT(of_output(), HasSubstr("session t is not consented to"));
  std::filesystem::remove(home_ / "policy.json");
  EXPECT_THAT(of_output(), HasSubstr("is not there"));
}

TEST_F(ValidationTest, AFileThatCannotBeReadIsSaidSo) {
  EXPECT_THROW((void)validate_file(home_ / "none.jsonl", settings(), [](std::int64_t) {}),
               timmy::Failure);
  EXPECT_THROW((void)validate_file(home_, settings(), [](std::int64_t) {}), timmy::Permanent);
}

}  // namespace
}  // namespace provenance
