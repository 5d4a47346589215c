// SPDX-License-Identifier: Apache-2.0
#include "tokens/budget_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <utility>

#include "base/file.hpp"
#include "tokens/ledger.hpp"

namespace host {

Budget load_budget(const std::filesystem::path& file) {
  // A FIFO in its place must not hold the loop.
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) throw system_error(fmt::format("reading {}", file.string()));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) throw system_error(fmt::format("examining {}", file.string()));
  if (!S_ISREG(info.st_mode))
    throw Error(Code::invalid, fmt::format("{} is not a regular file", file.string()));
  check_trusted(fd.get(), file, true);
  return parse_budget(read_all(fd.get(), kBudgetFileBytes, file.string()), file.string());
}

BudgetFile::BudgetFile(std::filesystem::path path, Ledger& ledger, Loop& loop, Log log)
    : path_(std::move(path)), ledger_(ledger), loop_(loop), log_(std::move(log)) {}

void BudgetFile::read(Reply<Done> done) {
  auto budget = attempt([this] { return load_budget(path_); });
  // Whatever else changes beside the file, the store hears nothing of it.
  if (budget && ledger_.budget() == std::optional(budget.value()))
    return loop_.post([finish = finishing(std::move(done))] { finish(Done{}); });
  if (budget) return ledger_.set_budget(std::move(budget.value()), finishing(std::move(done)));
  const auto& fault = budget.error();
  if (fault.code() == Code::not_found)
    return ledger_.withdraw_budget(finishing(std::move(done), fault));
  loop_.post([finish = finishing(std::move(done), fault)] { finish(Done{}); });
}

Reply<Done> BudgetFile::finishing(Reply<Done> done, std::optional<Error> fault) {
  return [this, alive = std::weak_ptr(alive_), done = std::move(done),
          fault = std::move(fault)](const Status& status) {
    if (alive.expired()) return;
    finish(status ? fault : std::optional(status.error()), done);
  };
}

void BudgetFile::finish(std::optional<Error> fault, const Reply<Done>& done) {
  const bool is_news = fault && (!fault_ || fault_->message() != fault->message());
  if (is_news && ledger_.budget())
    log_.error("the last good caps hold, the file is not taken: {}", fault->what());
  else if (is_news && fault->code() == Code::not_found)
    log_.info("no tokens are granted: {}", fault->what());  // nothing is wrong with that
  else if (is_news)
    log_.error("no tokens are granted: {}", fault->what());
  else if (!fault && fault_)
    log_.info("{} is taken", path_.string());
  fault_ = std::move(fault);
  if (!done) return;
  if (fault_)
    done(*fault_);
  else
    done(Done{});
}

}  // namespace host
