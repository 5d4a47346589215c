// SPDX-License-Identifier: Apache-2.0
//
// The contract: labels, and what issues carry.
#include <gmock/gmock.h>

#include "forge/contract.hpp"

namespace host::forge {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LabelContract : public Contract {};

INSTANTIATE_TEST_SUITE_P(Forge, LabelContract, ::testing::Values("forge", "gitea"), peer_name);

TEST_P(LabelContract, AddsLabelsByNameAndReturnsAllOfThem) {
  const auto repo = new_repo();
  const auto bug = new_label(repo, "bug");
  new_label(repo, "ui");
  new_issue(repo, "x", {{"labels", {bug}}});
  const auto path = issue_path(repo, 1, "/labels");
  const auto added = post(path, {{"labels", {"ui"}}});
  EXPECT_EQ(added.status, 200);
  EXPECT_THAT(names(added.json()), ElementsAre("bug", "ui"));
  EXPECT_THAT(names(post(path, {{"labels", {"ui"}}}).json()), ElementsAre("bug", "ui"));
  EXPECT_THAT(names(post(path, {{"labels", Json::array()}}).json()), ElementsAre("bug", "ui"));
  EXPECT_THAT(names(get(path).json()), ElementsAre("bug", "ui"));
}

TEST_P(LabelContract, SkipsUnknownLabelsInSilence) {
  const auto repo = new_repo(), other = new_repo();
  new_label(repo, "bug");
  const auto foreign = new_label(other, "foreign");
  new_issue(repo, "x");
  const auto path = issue_path(repo, 1, "/labels");
  const auto mixed = post(path, {{"labels", {"bug", "nope"}}});
  EXPECT_EQ(mixed.status, 200);
  EXPECT_THAT(names(mixed.json()), ElementsAre("bug"));
  EXPECT_THAT(names(post(path, {{"labels", {"BUG"}}}).json()), ElementsAre("bug"));
  EXPECT_THAT(names(post(path, {{"labels", {foreign, 999999}}}).json()), ElementsAre("bug"));
  EXPECT_EQ(post(issue_path(repo, 999, "/labels"), {{"labels", {"bug"}}}).status, 404);
}

TEST_P(LabelContract, RefusesLabelsOfTwoKinds) {
  const auto repo = new_repo();
  const auto bug = new_label(repo, "bug");
  new_issue(repo, "x");
  const auto path = issue_path(repo, 1, "/labels");
  EXPECT_EQ(post(path, {{"labels", {bug, "bug"}}}).status, 400);
  EXPECT_EQ(post(path, {{"labels", {true}}}).status, 400);
  EXPECT_EQ(post(path, {{"labels", "bug"}}).status, 422);
}

TEST_P(LabelContract, LetsOneLabelOfAnExclusiveScopeStand) {
  const auto repo = new_repo();
  new_label(repo, "kind/a", {{"exclusive", true}});
  new_label(repo, "kind/b", {{"exclusive", true}});
  new_issue(repo, "x");
  const auto path = issue_path(repo, 1, "/labels");
  EXPECT_THAT(names(post(path, {{"labels", {"kind/a"}}}).json()), ElementsAre("kind/a"));
  EXPECT_THAT(names(post(path, {{"labels", {"kind/b"}}}).json()), ElementsAre("kind/b"));
}

TEST_P(LabelContract, ReplacesAndClearsLabels) {
  const auto repo = new_repo();
  new_label(repo, "bug");
  new_label(repo, "ui");
  new_issue(repo, "x");
  const auto path = issue_path(repo, 1, "/labels");
  post(path, {{"labels", {"bug"}}});
  EXPECT_THAT(names(put(path, {{"labels", {"ui", "nope"}}}).json()), ElementsAre("ui"));
  EXPECT_EQ(remove(path).status, 204);
  EXPECT_THAT(get(path).json(), IsEmpty());
}

TEST_P(LabelContract, RemovesALabelByIdHoweverOften) {
  const auto repo = new_repo();
  const auto bug = new_label(repo, "bug");
  new_issue(repo, "x", {{"labels", {bug}}});
  const auto path = issue_path(repo, 1, "/labels/");
  EXPECT_EQ(remove(path + std::to_string(bug)).status, 204);
  EXPECT_EQ(remove(path + std::to_string(bug)).status, 204);
  EXPECT_THAT(get(issue_path(repo, 1, "/labels")).json(), IsEmpty());
  EXPECT_THAT(remove(path + "999999").status, AnyOf(404, 422));
}

TEST_P(LabelContract, LetsTwoLabelsHaveOneName) {
  const auto repo = new_repo();
  const auto first = new_label(repo, "bug"), second = new_label(repo, "bug");
  EXPECT_NE(first, second);
  EXPECT_EQ(get("/repos/" + repo + "/labels/bug").json().at("id"), first);
  new_issue(repo, "one", {{"labels", {first}}});
  new_issue(repo, "both");
  // By name: both are added, and both are asked for.
  EXPECT_THAT(names(post(issue_path(repo, 2, "/labels"), {{"labels", {"bug"}}}).json()),
              ElementsAre("bug", "bug"));
  EXPECT_THAT(numbers(get("/repos/" + repo + "/issues?type=issues&labels=bug").json()),
              ElementsAre(2));
}

TEST_P(LabelContract, ListsLabelsInPagesWithoutALink) {
  const auto repo = new_repo();
  for (const auto* name : {"c", "a", "b"}) new_label(repo, name);
  const auto first = get("/repos/" + repo + "/labels?limit=2");
  EXPECT_THAT(names(first.json()), ElementsAre("a", "b"));
  EXPECT_EQ(first.header("x-total-count"), "3");
  EXPECT_EQ(first.header("link"), "");
  EXPECT_THAT(names(get("/repos/" + repo + "/labels?limit=2&page=2").json()), ElementsAre("c"));
  EXPECT_EQ(get("/repos/" + repo + "/labels?limit=2&page=3").json(), Json::array());
}

TEST_P(LabelContract, FindsALabelByNameOrId) {
  const auto repo = new_repo();
  const auto id = new_label(repo, "kind/with space", {{"color", "#0AB"}});
  const auto found = get("/repos/" + repo + "/labels/kind%2Fwith%20space").json();
  EXPECT_EQ(found.at("id"), id);
  EXPECT_EQ(found.at("color"), "00aabb");
  EXPECT_EQ(get("/repos/" + repo + "/labels/" + std::to_string(id)).json(), found);
  const auto path = "/repos/" + repo + "/labels";
  EXPECT_EQ(post(path, {{"name", "x"}}).status, 422);
  EXPECT_EQ(post(path, {{"color", "00aabb"}}).status, 422);
  EXPECT_EQ(post(path, {{"name", "x"}, {"color", "red"}}).status, 422);
}

TEST_P(LabelContract, AddsLabelsOfTheOrganisationByName) {
  const auto organisation = new_organisation();
  const auto repo = organisation + "/app";
  ASSERT_EQ(post("/orgs/" + organisation + "/repos", {{"name", "app"}}).status, 201);
  ASSERT_EQ(
      post("/orgs/" + organisation + "/labels", {{"name", "shared"}, {"color", "00aabb"}}).status,
      201);
  new_issue(repo, "plain");
  new_issue(repo, "shared");
  EXPECT_THAT(names(post(issue_path(repo, 2, "/labels"), {{"labels", {"shared"}}}).json()),
              ElementsAre("shared"));
  EXPECT_THAT(get("/repos/" + repo + "/labels").json(), IsEmpty());
}

}  // namespace
}  // namespace host::forge
