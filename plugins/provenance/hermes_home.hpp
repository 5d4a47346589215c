// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

namespace provenance {

// Where stores may be, as the operator names it. What isn't there is no trouble.
struct Places {
  std::vector<std::string> homes;        // of Hermes, profiles in them included
  std::vector<std::string> runs;         // folders of <id>/state.db, as $TIMMY_HOME/runs
  std::vector<std::string> transcripts;  // folders of <id>.jsonl, as ~/.hermes/transcripts
  std::vector<std::string> exports;      // files of `hermes sessions export`, or folders of them
};

// What is there: real paths of regular files and of folders, in a fixed order, each once. Below a
// place that was named no symbolic link is followed.
struct Stores {
  std::vector<std::string> databases;
  std::map<std::string, std::string> runs;  // of the databases that are a run's own: which run
  std::vector<std::string> exports;
  std::vector<std::string> folders;
  std::vector<std::string>
      troubles;  // what could not be looked at, or is too much: 2000 in a folder
};

[[nodiscard]] Stores find_stores(const Places& places);

}  // namespace provenance
