// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <timmy/plugin.hpp>
#include <vector>

#include "names.hpp"
#include "write_cap.hpp"

namespace triage {

// Something that a pass may have to do.
struct Due {
  std::string repo;
  std::int64_t number = 0;
  timmy::Time since{};  // the earliest come first
  [[nodiscard]] std::string name() const { return repo + "#" + std::to_string(number); }
};

// One run of a task over its repositories. What fails for good for one repository or issue keeps no
// other from its turn. What may pass (the forge is away) ends the run, which is then made again. At
// the cap of writes the run ends in peace, and says what is left.
class Pass {
 public:
  // The work on one repository.
  template <class Work>
  void over(timmy::Context& ctx, const Names& repos, const Work& work) {
    for (const auto& repo : repos) {
      ctx.jobs().progress(100.0 * static_cast<double>(repos_) / static_cast<double>(repos.size()),
                          repo);
      isolated(repo, [&] { work(repo); });
      ++repos_;
    }
  }
  // The work on each, the earliest first, until the cap.
  template <class Work>
  void each(timmy::Context& ctx, std::vector<Due> due, const Work& work) {
    sort(due);
    for (std::size_t at = 0; at < due.size(); ++at) {
      ctx.throw_if_cancelled();
      left_ = due.size() - at;
      if (!isolated(due[at].name(), [&] { work(due[at]); })) return;
    }
    left_ = 0;
  }

  void read(std::size_t count) { read_ += count; }
  // In the result as a count by this word, the first hundred also by name.
  void did(const std::string& word, const std::string& name);
  // In the result as a count only.
  void count(const std::string& word, int by = 1) { counts_[word] += by; }

  // Throws Permanent "incomplete" with all of it where something failed.
  [[nodiscard]] timmy::Json result() const;

 private:
  // False at the cap of writes.
  template <class Work>
  bool isolated(const std::string& what, const Work& work) {
    try {
      work();
    } catch (const timmy::Permanent& failure) {
      if (is_write_cap(failure)) return false;
      failures_.push_back(what + ": " + failure.what());
    }
    return true;
  }
  static void sort(std::vector<Due>& due);

  std::size_t repos_ = 0, read_ = 0, left_ = 0;
  std::map<std::string, int> counts_;
  timmy::Json changes_ = timmy::Json::array();
  std::vector<std::string> failures_;
};

// What a task says that its config has no key for.
[[nodiscard]] timmy::Json not_configured(const std::string& key);

}  // namespace triage
