// SPDX-License-Identifier: Apache-2.0
//
// The SQL of accounts: running totals, one a day, dimension and name. Store thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/unit.hpp"
#include "tokens/budget.hpp"
#include "tokens/spender.hpp"
#include "tokens/usage.hpp"

namespace host {

struct AccountKey {
  std::int64_t day = 0;  // 0 where the dimension never begins anew
  Dimension dimension = Dimension::day;
  std::string name;
  bool operator==(const AccountKey&) const = default;
};

// The account of a dimension on this day.
[[nodiscard]] AccountKey account_key(std::int64_t day, Dimension dimension, std::string name);

// All that this spender's tokens of that day go to, in the order of Dimension. Without a model:
// those that any model's go to.
[[nodiscard]] std::vector<AccountKey> accounts_of(const Spender& spender,
                                                  const std::optional<ModelName>& model,
                                                  std::int64_t day);

// "owner/name#12", in lower case.
[[nodiscard]] std::string issue_account(std::string_view repo, std::int64_t issue);

struct Account {
  Tokens settled;
  Tokens held;
  Tokens reserved;  // and not held
  Tokens overrun;
  std::int64_t runs = 0;
  std::int64_t calls = 0;
  TokenUsage used;
  Cost cost_settled;
  Cost cost_held;
  // Of tokens: all that is not left.
  [[nodiscard]] Tokens taken() const { return settled + held + reserved; }
  bool operator==(const Account&) const = default;
};

// Whether what is used for good, not only held, is as much as the cap, of tokens or cost.
[[nodiscard]] bool is_used_up(const Cap& cap, const Account& account);

// Zeroes where there is none.
[[nodiscard]] Account read_account(Unit& unit, const AccountKey& key);

// Adds; held, reserved and cost_held of `more` may be negative. `settled` follows `used`. What is
// settled stops at kMostTokens and kMostCost.
void add_to_account(Unit& unit, const AccountKey& key, const Account& more, WallTime now);

}  // namespace host
