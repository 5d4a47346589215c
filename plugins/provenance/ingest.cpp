// SPDX-License-Identifier: Apache-2.0
#include "ingest.hpp"

#include <timmy/failure.hpp>

#include "card.hpp"
#include "index.hpp"
#include "session_intake.hpp"
#include "withdrawal.hpp"

namespace provenance {
namespace {

using timmy::Json;

class Run {
 public:
  Run(const Settings& settings, SessionSource& source, IngestOrder order)
      : settings_(settings),
        source_(source),
        order_(std::move(order)),
        lock_(settings.folder),
        output_(settings, order_.hook),
        lost_(output_.sweep()),
        index_(settings.folder / "index.db"),
        known_(index_.roll_back(output_.manifest().generation)),
        policy_(ConsentPolicy::load(settings.policy)),
        judge_(settings, policy_),
        key_(RowKey::of(settings.folder)),
        progress_(order_.progress, order_.between),
        terms_(settings.terms(policy_.sha256(), redactor_.digest(), key_.name())) {}

  Ingested run() {
    const bool anew =
        order_.anew || !same_terms() || known_ != Index::Known::all || !lost_.empty() || !goes_on();
    if (!same_terms() || known_ == Index::Known::taken_back) withdraw();
    return read(anew);
  }

 private:
  [[nodiscard]] bool same_terms() const {
    const Json& terms = output_.manifest().terms;
    return terms.is_object() && terms.value("sha256", "") == terms_["sha256"];
  }

  // Whether this output is what the saved cursor was written for. A later one is of a run whose job
  // was not completed, and that may have found what other sessions are to be read again for.
  [[nodiscard]] bool goes_on() const {
    return order_.saved.is_object() && order_.saved.contains("cursor") &&
           order_.saved.value("generation", std::int64_t{0}) == output_.manifest().generation;
  }

  // Without what is lost; and without anything where nothing is known of it.
  void begin(Draft& draft) {
    index_.begin(output_.manifest().generation + 1);
    for (const auto file : lost_) {
      draft.drop(file);
      index_.remove_file(file);
    }
    if (known_ == Index::Known::less)
      for (const auto& file : output_.manifest().files) draft.drop(file.number);
  }

  // Before anything else, and a change of its own: what may not be used goes at once, whatever
  // becomes of the reading. The terms stay, since what else they let in is not there yet.
  void withdraw() {
    if (policy_.problem() || output_.manifest().pairs() == 0) return;
    Draft draft(output_);
    begin(draft);
    const auto gone = take_out(index_, judge_, draft, progress_);
    if (draft.empty()) return index_.abandon();
    Manifest next = output_.manifest();
    next.withdrawals.push_back({{"at", order_.now},
                                {"generation", next.generation + 1},
                                {"policy_sha256", policy_.sha256()},
                                {"withdrawn", gone.withdrawn},
                                {"changed", gone.changed}});
    publish(draft, std::move(next));
    known_ = Index::Known::all;
    lost_.clear();
    result_["withdrawn"] = gone.withdrawn;
  }

  Ingested read(bool anew) {
    Draft draft(output_);
    begin(draft);
    if (anew) index_.forget_digests();
    SessionIntake intake({settings_, policy_, judge_, redactor_, key_, source_, index_, draft,
                          output_.manifest().generation + 1, progress_});
    auto passed = source_.read(anew ? Json() : order_.saved.at("cursor"),
                               [&](Session&& session) { intake.take(session); });
    result_["troubles"] = std::move(passed.troubles);
    const auto& seen = intake.seen();
    const bool again = leads_to_more(seen, draft);
    finish(draft, anew || seen.changed > 0);
    tell(seen);
    return {{{"cursor", again ? Json() : std::move(passed.cursor)},
             {"generation", output_.manifest().generation}},
            std::move(result_)};
  }

  // What was read may decide for sessions that were not: those are to be read again by the next
  // run.
  bool leads_to_more(const SessionIntake::Seen& seen, Draft& draft) {
    if (seen.kin_changed) {
      // Who a session is decides for all that came from it, and at once if nothing does any longer.
      if (!policy_.problem()) (void)take_out(index_, judge_, draft, progress_);
      index_.forget_digests();
    }
    if (seen.found_missed) index_.forget_rejected("broken_lineage");
    // A pair that goes may have kept another session's like it out.
    if (seen.removed > 0) index_.forget_rejected("duplicate");
    return seen.kin_changed || seen.found_missed || seen.removed > 0;
  }

  void finish(Draft& draft, bool changed) {
    if (draft.empty() && !changed) return index_.abandon();
    Manifest next = output_.manifest();
    next.terms = terms_;
    publish(draft, std::move(next));
  }

  void publish(Draft& draft, Manifest next) {
    std::int64_t looked = 0;
    const auto keep = [&](std::int64_t file, std::string_view line) {
      ++looked;
      progress_(
          [&] { return "writing files anew: " + std::to_string(looked) + " pairs looked at"; });
      const auto key = key_of(line);
      const auto found = index_.find(key.digest);
      return found && found->id == key.id && found->file == file;
    };
    describe(next);
    draft.publish(std::move(next), dataset_card(settings_.license), keep, [&] {
      must_be_policy_of_now();
      index_.commit();
    });
    index_.forget_gone();
  }

  // A long run may have been overtaken by a withdrawal.
  void must_be_policy_of_now() const {
    if (ConsentPolicy::load(settings_.policy).sha256() == policy_.sha256()) return;
    throw timmy::Retryable("policy_changed", settings_.policy.string() +
                                                 " was changed while this run went by it: nothing "
                                                 "of the run counts, and it is done again");
  }

  void describe(Manifest& next) const {
    const auto totals = index_.totals();
    next.about["policy"] = {{"sha256", policy_.sha256()},
                            {"rules", policy_.rules()},
                            {"problem", policy_.problem() ? Json(*policy_.problem()) : Json()}};
    next.about["counts"] = {{"sessions", totals.sessions},
                            {"pairs", totals.pairs},
                            {"rejected", totals.rejected},
                            {"rejected_sessions", totals.rejected_sessions}};
    next.about["sources"] = totals.stores;
  }

  void tell(const SessionIntake::Seen& seen) {
    result_["sessions"] = seen.sessions;
    result_["changed"] = seen.changed;
    result_["emitted"] = seen.emitted;
    result_["replaced"] = seen.removed;
    result_["waiting"] = seen.waiting;
    result_["rejected"] = seen.rejected;
    result_["rejected_sessions"] = seen.rejected_sessions;
    result_["pairs"] = output_.manifest().pairs();
    result_["files"] = output_.manifest().files.size();
    result_["generation"] = output_.manifest().generation;
    if (policy_.problem()) result_["policy_problem"] = *policy_.problem();
  }

  const Settings& settings_;
  SessionSource& source_;
  IngestOrder order_;
  FolderLock lock_;
  Output output_;
  std::vector<std::int64_t> lost_;
  Index index_;
  Index::Known known_;
  ConsentPolicy policy_;
  Judge judge_;
  Redactor redactor_;
  RowKey key_;
  Progress progress_;
  Json terms_;
  Json result_ = Json::object();
};

}  // namespace

Ingested ingest(const Settings& settings, SessionSource& source, IngestOrder order) {
  return Run(settings, source, std::move(order)).run();
}

}  // namespace provenance
