// SPDX-License-Identifier: Apache-2.0
#include "base/json.hpp"

#include <vector>

#include "base/error.hpp"
#include "base/kept_json.hpp"

template class nlohmann::basic_json<>;

namespace host {
namespace {

// Builds the document while it watches depth and keys, which nlohmann's own builder does not.
class Builder final : public Json::json_sax_t {
 public:
  Builder(std::string_view what, int depth, bool kept, std::size_t values = SIZE_MAX)
      : what_(what), depth_(depth), kept_(kept), values_(values) {}

  [[nodiscard]] Json take() { return std::move(root_); }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t& text) override {
    // The parser makes a float of a whole number that is too large for it.
    if (kept_ && text.find_first_of(".eE") == string_t::npos)
      fail(text.substr(0, 100) +
           " does not fit into 64 bits and would be changed; send it as a string");
    return add(value);
  }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return false; }

  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    if (open_.back()->contains(name)) fail("key \"" + name + "\" stands twice in one object");
    key_ = std::move(name);
    return true;
  }

  bool parse_error(std::size_t, const std::string&,
                   const nlohmann::detail::exception& error) override {
    // nlohmann: "[json.exception.parse_error.101] parse error at line 1, column 2: ...".
    const std::string_view text = error.what();
    const auto after = text.find("] ");
    fail(std::string(after == std::string_view::npos ? text : text.substr(after + 2)));
    return false;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw Error(Code::invalid, std::string(what_) + ": " + why);
  }

  Json* place(Json value) {
    if (placed_++ >= values_)
      throw Error(Code::too_large, std::string(what_) + ": it holds more than " +
                                       std::to_string(values_) + " values");
    if (open_.empty()) return &(root_ = std::move(value));
    Json& parent = *open_.back();
    if (parent.is_array()) return &parent.emplace_back(std::move(value));
    return &(parent[key_] = std::move(value));
  }

  bool add(Json value) {
    place(std::move(value));
    return true;
  }

  bool open(Json container) {
    if (static_cast<int>(open_.size()) >= depth_)
      fail("nested more than " + std::to_string(depth_) + " levels deep");
    open_.push_back(place(std::move(container)));
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  std::string_view what_;
  int depth_;
  bool kept_;
  std::size_t values_;
  std::size_t placed_ = 0;
  Json root_;
  std::vector<Json*> open_;
  std::string key_;
};

}  // namespace

Json parse_json(std::string_view text, std::string_view what, int depth, std::size_t values) {
  Builder builder(what, depth, false, values);
  Json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

Json parse_kept_json(std::string_view text, std::string_view what) {
  Builder builder(what, kJsonDepth, true);
  Json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

std::string to_text(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string to_indented_text(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace host
