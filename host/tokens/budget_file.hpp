// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "base/log.hpp"
#include "base/loop.hpp"
#include "base/result.hpp"
#include "tokens/budget.hpp"

namespace host {

class Ledger;

inline constexpr std::size_t kBudgetFileBytes = std::size_t{1} << 20;

// The file, read and checked. Throws Error{not_found} where there is none, {denied} where others
// could have written it (as host.yaml, see check_trusted), {too_large}, {invalid} with every
// problem as parse_budget() says, {io}.
[[nodiscard]] Budget load_budget(const std::filesystem::path& file);

// Keeps the ledger's caps what the file says. A file that can't be taken changes nothing: the last
// good caps hold, and it says so. A file that is gone takes the caps along, and no reservation is
// granted. What the store can't take now is tried again, one change at a time. Loop thread; ledger
// and loop outlive it.
class BudgetFile {
 public:
  BudgetFile(std::filesystem::path path, Ledger& ledger, Loop& loop, Log log);

  // Reads it, now and whenever it may have changed. The Error of `done`, if any, is why what it
  // says is not in force; logged, too, when it is another one than the last time.
  void read(Reply<Done> done);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  // Of the last read().
  [[nodiscard]] const std::optional<Error>& fault() const { return fault_; }

 private:
  using Askers = std::vector<Reply<Done>>;
  void finish(std::optional<Error> fault, const Askers& told);
  void tell(const std::optional<Error>& fault);

  std::filesystem::path path_;
  Ledger& ledger_;
  Loop& loop_;
  Log log_;
  std::optional<Error> fault_;
  Askers askers_;            // of the next read
  bool changing_ = false;    // what was read is on its way into the ledger
  bool read_again_ = false;  // once it is there
  Timer again_timer_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace host
