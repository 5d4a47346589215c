// SPDX-License-Identifier: Apache-2.0
#include "tokens/budget_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <utility>

#include "base/file.hpp"
#include "tokens/ledger.hpp"

namespace host {
namespace {

constexpr Duration kTryAgain = std::chrono::seconds(1);

}  // namespace

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
  if (done) askers_.push_back(std::move(done));
  read_again_ = changing_;
  if (changing_) return;
  changing_ = true;
  again_timer_.cancel();
  auto budget = attempt([this] { return load_budget(path_); });
  const auto fault = budget ? std::nullopt : std::optional(budget.error());
  Reply<Done> then = [this, alive = std::weak_ptr(alive_), fault,
                      told = std::exchange(askers_, {})](const Status& status) {
    if (alive.expired()) return;
    if (!status && status.error().code() != Code::invalid)
      again_timer_ = loop_.after(kTryAgain, [this] { read({}); });
    finish(status ? fault : std::optional(status.error()), told);
  };
  if (fault && fault->code() == Code::not_found) return ledger_.withdraw_budget(std::move(then));
  // Whatever else changes beside the file, the store hears nothing of it.
  if (fault || ledger_.budget() == std::optional(budget.value()))
    return loop_.post([then = std::move(then)] { then(Done{}); });
  ledger_.set_budget(std::move(budget.value()), std::move(then));
}

void BudgetFile::finish(std::optional<Error> fault, const Askers& told) {
  tell(fault);
  fault_ = std::move(fault);
  changing_ = false;
  if (read_again_) read({});
  const Status status = fault_ ? Status(*fault_) : Status(Done{});
  for (const auto& done : told) done(status);
}

void BudgetFile::tell(const std::optional<Error>& fault) {
  const bool is_news = fault && (!fault_ || fault_->message() != fault->message());
  if (is_news && ledger_.budget())
    log_.error("the last good caps hold, the file is not taken: {}", fault->what());
  else if (is_news && fault->code() == Code::not_found)
    log_.info("no tokens are granted: {}", fault->what());  // nothing is wrong with that
  else if (is_news)
    log_.error("no tokens are granted: {}", fault->what());
  else if (!fault && fault_)
    log_.info("{} is taken", path_.string());
}

}  // namespace host
