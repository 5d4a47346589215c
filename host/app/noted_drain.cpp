// SPDX-License-Identifier: Apache-2.0
#include "app/noted_drain.hpp"

#include <memory>
#include <utility>

namespace host {

void NotedDrain::begin(Duration grace, Steps steps) {
  const auto end_work = std::move(steps.end_work);
  const auto left =
      std::make_shared<std::unique_ptr<Steps>>(std::make_unique<Steps>(std::move(steps)));
  const auto finish = [left](bool in_time) {
    const auto last = std::exchange(*left, nullptr);
    if (!last) return;
    if (!in_time) last->gives_up();
    last->write_note();
    last->done();
  };
  timer_ = loop_.after(grace, [finish] { finish(false); });
  end_work([finish] { finish(true); });
}

}  // namespace host
