// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <timmy/job.hpp>
#include <vector>

#include "redaction.hpp"

namespace provenance {

// A file of pairs. Once it is published it never changes: another content is another name.
struct OutputFile {
  std::int64_t number = 0;  // of its place; a file that takes another's keeps it
  std::string name;         // "pairs-000001-9f86d081884c.jsonl"
  std::int64_t bytes = 0, pairs = 0;
  std::string sha256;
  RedactionCounts redactions;
};

// Where it is, below the output's folder.
[[nodiscard]] std::filesystem::path path_of(const std::filesystem::path& folder,
                                            const OutputFile& file);

// What manifest.json says: the output is the files that it lists, and no other.
struct Manifest {
  std::int64_t generation = 0;  // grows with each change of the output
  timmy::Json terms;            // Settings::terms that all of it was made by; null: none yet
  timmy::Json about;  // "policy", "counts", "sources", as the run that wrote it found them
  std::vector<OutputFile> files;
  timmy::Json withdrawals = timmy::Json::array();  // all that there were, from the first on

  // Nothing there: the manifest of an output that is empty. Throws Permanent "damaged" for a file
  // that is no such manifest, since what it listed would else be taken for rubbish.
  [[nodiscard]] static Manifest load(const std::filesystem::path& path);
  void save(const std::filesystem::path& path) const;
  [[nodiscard]] timmy::Json to_json() const;

  [[nodiscard]] std::int64_t pairs() const;
  [[nodiscard]] std::int64_t bytes() const;
  [[nodiscard]] RedactionCounts redactions() const;
  [[nodiscard]] const OutputFile* file(std::int64_t number) const;
};

// {"email": 3}, and back. Rules that this plugin does not have are left out.
[[nodiscard]] timmy::Json redactions_json(const RedactionCounts& counts);

}  // namespace provenance
