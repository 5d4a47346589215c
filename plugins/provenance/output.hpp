// SPDX-License-Identifier: Apache-2.0
//
// The pairs that came out, as files in a folder:
//   manifest.json    what the output is; replaced as a whole, which is the one instant of a change
//   pairs/           the files that it lists, with a README.md that declares their schema
// What a run is about to publish lies beside them, as part-N.new: a rename between folders is one
// that an old Landlock denies. What a killed run leaves is files that no manifest lists. The next
// one removes them.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "files.hpp"
#include "manifest_file.hpp"
#include "new_file.hpp"
#include "settings.hpp"

namespace provenance {

// Called at each step of a change, before it is done, by its name. For tests, which end the process
// there.
using StepHook = std::function<void(std::string_view step)>;

class Output {
 public:
  // Makes the folder of the pairs in settings.folder.
  Output(const Settings& settings, StepHook hook);

  [[nodiscard]] const Manifest& manifest() const { return manifest_; }
  [[nodiscard]] std::filesystem::path path_of(const OutputFile& file) const {
    return provenance::path_of(folder_, file);
  }

  // Removes what the manifest does not list. Returns the files that it lists and that are not there
  // whole: their numbers.
  [[nodiscard]] std::vector<std::int64_t> sweep();

  void step(std::string_view name) const { hook_(name); }

 private:
  friend class Draft;

  std::filesystem::path folder_;
  std::int64_t file_bytes_, file_pairs_;
  StepHook hook_;
  Manifest manifest_;
};

// One change of an output: lines that come, and files of which lines go.
class Draft {
 public:
  // Whether a line of a file stays.
  using Keep = std::function<bool(std::int64_t file, std::string_view line)>;

  explicit Draft(Output& output);

  // The number of the file that the line is in.
  std::int64_t add(std::string_view line, const RedactionCounts& redactions);
  // Lines of it go: it is written anew with those that stay. One that is not listed is fine.
  void touch(std::int64_t file) { touched_.insert(file); }
  // It is there no longer.
  void drop(std::int64_t file);
  [[nodiscard]] bool empty() const {
    return parts_.empty() && touched_.empty() && dropped_.empty();
  }

  // Publishes the change, with everything but generation and files from `manifest`. `commit` makes
  // the index durable, between the files and the manifest that lists them.
  void publish(Manifest manifest, const std::string& card, const Keep& keep,
               const std::function<void()>& commit);

 private:
  struct Part {
    OutputFile file;
    std::filesystem::path path;
    std::unique_ptr<NewFile> open;
  };

  Part& part_for(std::size_t line);
  Part begin_part(std::int64_t number);
  static void write(Part& part, std::string_view line, const RedactionCounts& redactions);
  void copy(const std::filesystem::path& from, Part& into, const Keep& keep) const;
  void settle_parts(const Keep& keep);
  void rewrite_touched(const Keep& keep);
  [[nodiscard]] std::vector<OutputFile> publish_parts();

  Output& output_;
  const OutputFile* tail_ = nullptr;  // the last file, where it has room
  std::vector<Part> parts_;
  std::set<std::int64_t> touched_, dropped_;
  std::int64_t next_ = 1;
  int temporary_ = 0;
};

// The digest and id of a line, 16 bytes each; empty: it is no line of a pair.
struct LineKey {
  std::string digest, id;
};
[[nodiscard]] LineKey key_of(std::string_view line);

}  // namespace provenance
