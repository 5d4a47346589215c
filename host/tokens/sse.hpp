// SPDX-License-Identifier: Apache-2.0
//
// A stream of server-sent events (WHATWG HTML, 9.2), read as its bytes come.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace host {

struct SseEvent {
  std::string name;      // of the field "event"; mostly empty
  std::string data;      // the lines of "data", with '\n' between them
  bool comment = false;  // a line that only keeps the connection awake, and nothing else
};

// As one event is written: "data: ...\n\n".
[[nodiscard]] std::string to_text(const SseEvent& event);

class SseReader {
 public:
  // `cap`: of one event, its fields and line ends included.
  explicit SseReader(std::size_t cap = std::size_t{1} << 20) : cap_(cap) {}

  // The events that these bytes complete, in order. Throws Error{too_large} on one above the cap;
  // the reader is of no use then.
  [[nodiscard]] std::vector<SseEvent> read(std::string_view bytes);
  // The stream has ended: what stood in it without the empty line that ends an event. Upstreams
  // forget it after the last one.
  [[nodiscard]] std::vector<SseEvent> finish();

 private:
  void end_line(std::vector<SseEvent>& events);

  std::size_t cap_;
  std::string line_;
  SseEvent event_;
  std::size_t held_ = 0;  // bytes of this event so far
  bool has_data_ = false;
  bool after_return_ = false;  // the last byte was '\r': a '\n' now belongs to it
  bool begun_ = false;
};

}  // namespace host
