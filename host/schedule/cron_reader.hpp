// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "schedule/cron.hpp"

namespace host {

// Reads one cron expression, left to right, by the grammar in cron.hpp. Part of Cron::parse.
class CronReader {
 public:
  explicit CronReader(std::string_view text) : text_(text) {}
  [[nodiscard]] Cron read();

 private:
  struct Field;        // what a field may hold
  struct Item;         // one entry of a field's list
  struct FieldValues;  // what a field did hold

  [[nodiscard]] Cron read_nickname();
  void check_field_count() const;
  [[nodiscard]] FieldValues read_field(const Field& field);
  [[nodiscard]] Item read_item(const Field& field);
  void read_modifier(const Field& field, Item& item);
  void read_step(const Field& field, Item& item);
  [[nodiscard]] int read_value(const Field& field, int range_start);
  [[nodiscard]] int read_number(int low, int high, std::string_view what);
  [[nodiscard]] int find_name(const Field& field, std::string_view word) const;

  void skip_blanks();
  [[nodiscard]] bool at_end_of_field() const;
  [[nodiscard]] char peek() const { return position_ < text_.size() ? text_[position_] : '\0'; }
  [[nodiscard]] bool accept(char c);
  [[nodiscard]] std::string here() const;
  [[nodiscard]] Error refuse(
      std::size_t at, const std::string& problem,
      std::string next_step = "Write five fields such as `*/10 8-17 * * MON-FRI`.",
      Code code = Code::invalid) const;

  std::string_view text_;
  std::size_t position_ = 0;
};

}  // namespace host
