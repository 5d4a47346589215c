// SPDX-License-Identifier: Apache-2.0
#include "dispatch/template.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

#include "base/error.hpp"

namespace host::dispatch {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Place = TemplatePlace;

Template parse(std::string_view text, Place place = Place::prompt) {
  std::vector<TemplateFault> faults;
  auto result = Template::parse(text, place, faults);
  EXPECT_THAT(faults, IsEmpty()) << text << ": " << (faults.empty() ? "" : faults[0].message);
  return result;
}

std::vector<TemplateFault> faults_of(std::string_view text, Place place = Place::prompt) {
  std::vector<TemplateFault> faults;
  (void)Template::parse(text, place, faults);
  return faults;
}

TEST(Templates, PutValuesIn) {
  const auto made = parse("Fix {{ issue.number }} of {{repository.name}}, {not} }} this {")
                        .render({{"issue.number", "12"}, {"repository.name", "org/app"}});
  EXPECT_EQ(made, "Fix 12 of org/app, {not} }} this {");
  EXPECT_EQ(parse("{{issue.number}}{{issue.number}}").render({{"issue.number", "7"}}), "77");
  EXPECT_EQ(parse("").render({}), "");
}

TEST(Templates, AValueIsNoTemplate) {
  EXPECT_EQ(parse("{{repository.name}}").render({{"repository.name", "{{issue.number}}"}}),
            "{{issue.number}}");
}

TEST(Templates, SeveralLinesBeginAsTheVariablesLineDoes) {
  EXPECT_EQ(parse("It says:\n  {{issue.body}}  \nEnd\n").render({{"issue.body", "a\nb"}}),
            "It says:\n  > a\n  > b\nEnd\n");
  EXPECT_EQ(parse("  {{gates.rules}}").render({{"gates.rules", "- a\n- b"}}), "  - a\n  - b");
}

TEST(Templates, EveryFaultIsSaidWithItsPlace) {
  const auto faults =
      faults_of("{{issue.titel}}\n{{#if x}} {{issue.body}}\n{{ open\n}}{{nothing}}");
  ASSERT_EQ(faults.size(), 5u);
  EXPECT_EQ(faults[0].offset, 0u);
  EXPECT_THAT(faults[0].message, HasSubstr("did you mean \"issue.title\"?"));
  EXPECT_EQ(faults[1].offset, 16u);
  EXPECT_THAT(faults[1].message, HasSubstr("neither logic nor nesting"));
  EXPECT_THAT(faults[2].message, HasSubstr("alone on its line"));
  EXPECT_THAT(faults[3].message, HasSubstr("never closed"));
  EXPECT_EQ(faults[4].offset, 51u);
  EXPECT_THAT(faults[4].message, HasSubstr("expected one of: gates.feedback"));
}

TEST(Templates, HaveNoLogicNoNestingAndNoFilters) {
  for (const auto* text : {"{{issue.title | upper}}", "{{ {{issue.title}} }}", "{{}}", "{{ }}",
                           "{{issue title}}", "{{Issue.Title}}", "{{{issue.title}}}"})
    EXPECT_FALSE(faults_of(text).empty()) << text;
}

TEST(Templates, AVariableHasItsPlaces) {
  EXPECT_THAT(faults_of("{{issue.body}}", Place::title)[0].message,
              AllOf(HasSubstr("no variable of a title"), HasSubstr("issue.title")));
  EXPECT_THAT(faults_of("{{run.tokens}}", Place::title)[0].message,
              HasSubstr("expected one of: issue.kind, issue.number"));
  EXPECT_THAT(faults_of("{{run.report}}", Place::prompt), ::testing::SizeIs(1));
}

TEST(Templates, HoldSoManyVariablesAndNoMore) {
  std::string text;
  for (std::size_t i = 0; i < Template::kMostVariables; ++i) text += "{{issue.number}}";
  EXPECT_THAT(faults_of(text), IsEmpty());
  text += "{{issue.number}}{{issue.number}}";
  EXPECT_THAT(faults_of(text), ::testing::SizeIs(1)) << "and says so once";
}

TEST(Templates, AMissingValueIsAFaultOfTheHost) {
  try {
    (void)parse("{{issue.number}}").render({});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::internal);
    EXPECT_THAT(error.message(), HasSubstr("issue.number"));
  }
}

TEST(Templates, KnowWhatTheyUse) {
  const auto made = parse("{{issue.number}}");
  EXPECT_TRUE(made.uses("issue.number"));
  EXPECT_FALSE(made.uses("issue.title"));
  EXPECT_EQ(made.text(), "{{issue.number}}");
}

// What a title's quoting cannot hold must not be able to stand there.
TEST(TemplateVariables, OfPeopleStandOnlyWhereTheyAreQuoted) {
  for (const auto& variable : variables())
    for (const auto place : variable.places) {
      const bool lines =
          variable.kind == VariableKind::text || variable.kind == VariableKind::block;
      EXPECT_FALSE(lines && place == Place::title) << variable.name;
    }
}

TEST(TemplateVariables, AreThoseOfTheDocument) {
  std::ifstream document(PLAYBOOKS_DOCUMENT);
  std::vector<std::string> told, known;
  for (std::string line; std::getline(document, line);)
    for (const auto& variable : variables())
      if (line.starts_with("| `" + std::string(variable.name) + "` | " +
                           std::string(name(variable.kind)) + " | "))
        told.push_back(line);
  for (const auto& variable : variables()) {
    std::string places;
    for (const auto place : variable.places)
      places += std::string(places.empty() ? "" : ", ") + (place == Place::prompt  ? "prompt"
                                                           : place == Place::title ? "title"
                                                                                   : "body");
    known.push_back("| `" + std::string(variable.name) + "` | " + std::string(name(variable.kind)) +
                    " | " + places + " | " + std::string(variable.meaning) + " |");
  }
  EXPECT_EQ(told, known);
}

}  // namespace
}  // namespace host::dispatch
