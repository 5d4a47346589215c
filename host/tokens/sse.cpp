// SPDX-License-Identifier: Apache-2.0
#include "tokens/sse.hpp"

#include <utility>

#include "base/error.hpp"

namespace host {

std::string to_text(const SseEvent& event) {
  if (event.comment) return ":\n\n";
  std::string out;
  if (!event.name.empty()) out += "event: " + event.name + "\n";
  std::string_view rest = event.data;
  for (;;) {
    const auto end = rest.find('\n');
    out.append("data: ").append(rest.substr(0, end)).append("\n");
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  return out + "\n";
}

std::vector<SseEvent> SseReader::read(std::string_view bytes) {
  std::vector<SseEvent> events;
  while (!bytes.empty()) {
    if (std::exchange(after_return_, false) && bytes.front() == '\n') {
      bytes.remove_prefix(1);
      continue;
    }
    const auto end = bytes.find_first_of("\r\n");
    const auto part = bytes.substr(0, end);
    held_ += part.size() + 1;
    if (held_ > cap_)
      throw Error(Code::too_large,
                  "an event of the stream is larger than " + std::to_string(cap_) + " bytes");
    line_.append(part);
    if (end == std::string_view::npos) break;
    after_return_ = bytes[end] == '\r';
    end_line(events);
    bytes.remove_prefix(end + 1);
  }
  return events;
}

std::vector<SseEvent> SseReader::finish() {
  std::vector<SseEvent> events;
  if (!line_.empty()) end_line(events);
  end_line(events);
  return events;
}

void SseReader::end_line(std::vector<SseEvent>& events) {
  const std::string line = std::exchange(line_, {});
  std::string_view rest = line;
  if (!std::exchange(begun_, true) && rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
  if (rest.empty()) {
    if (has_data_) events.push_back(std::move(event_));
    event_ = {};
    has_data_ = false;
    held_ = 0;
    return;
  }
  if (rest.front() == ':') {
    if (!has_data_) events.push_back({{}, {}, true}), held_ = 0;
    return;
  }
  const auto colon = rest.find(':');
  const auto field = rest.substr(0, colon);
  auto value = colon == std::string_view::npos ? std::string_view{} : rest.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "event") event_.name = value;
  if (field != "data") return;
  if (std::exchange(has_data_, true)) event_.data += '\n';
  event_.data.append(value);
}

}  // namespace host
