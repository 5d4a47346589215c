// SPDX-License-Identifier: Apache-2.0
#include "descent.hpp"

#include "json_walk.hpp"

namespace provenance {
namespace {

class Marks final : public JsonVisitor {
 public:
  void inner(const std::string& key, JsonValue& value) override {
    if (value.kind == JsonValue::Kind::null) return;
    if (key == "_branched_from") descent = Descent::branch;
    if (key == "_delegate_from") descent = Descent::subagent;
    if (key == "_reset_from") descent = Descent::reset;
  }
  void inner_end(std::string_view) override {}
  Descent descent = Descent::none;
};

}  // namespace

std::string_view to_text(Descent descent) {
  switch (descent) {
    case Descent::none: return "none";
    case Descent::continuation: return "continuation";
    case Descent::branch: return "branch";
    case Descent::reset: return "reset";
    case Descent::subagent: return "subagent";
  }
  return "none";
}

Descent marked_descent(std::string_view model_config) {
  Marks marks;
  // What is no JSON has no marks.
  (void)walk_json(model_config, JsonShape::object, marks);
  return marks.descent;
}

Descent descent_after(std::string_view parents_end_reason) {
  if (parents_end_reason == "compression") return Descent::continuation;
  if (parents_end_reason == "branched") return Descent::branch;
  return Descent::subagent;
}

}  // namespace provenance
