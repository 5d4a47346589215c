// SPDX-License-Identifier: Apache-2.0
#include "runs/run_frame.hpp"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <array>
#include <bit>
#include <utility>

#include "base/error.hpp"

namespace host::runs {
namespace {

static_assert(std::endian::native == std::endian::little, "lengths are copied as they are");

constexpr std::size_t kMostDescriptors = 4;
constexpr std::size_t kKeptCapacity = 256 * 1024;

}  // namespace

void append_run_frame(std::string& out, RunFrameType type, std::string_view body) {
  const auto length = static_cast<std::uint32_t>(body.size() + 1);
  if (body.size() + 1 > kRunFrameCap)
    throw Error(Code::too_large, "a run's frame of " + std::to_string(body.size()) + " bytes");
  char header[5];
  ::memcpy(header, &length, sizeof length);
  header[4] = static_cast<char>(type);
  out.append(header, sizeof header).append(body);
}

void RunFrameReader::feed(std::string_view bytes) {
  buffer_.erase(0, std::exchange(start_, 0));
  if (buffer_.empty() && buffer_.capacity() > kKeptCapacity) buffer_.shrink_to_fit();
  buffer_.append(bytes);
}

std::optional<RunFrame> RunFrameReader::next() {
  const std::string_view rest = std::string_view(buffer_).substr(start_);
  std::uint32_t length = 0;
  if (rest.size() < sizeof length) return std::nullopt;
  ::memcpy(&length, rest.data(), sizeof length);
  if (length == 0) throw Error(Code::invalid, "a run's frame of length 0");
  if (length > kRunFrameCap)
    throw Error(Code::too_large, "a run's frame of length " + std::to_string(length));
  if (rest.size() < sizeof length + length) return std::nullopt;
  start_ += sizeof length + length;
  return RunFrame{static_cast<RunFrameType>(rest[4]), rest.substr(5, length - 1)};
}

void send_with_descriptors(int socket, std::string_view bytes,
                           const std::vector<int>& descriptors) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostDescriptors * sizeof(int))> control{};
  for (bool first = true; !bytes.empty(); first = false) {
    iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    if (first && !descriptors.empty()) {
      const auto size = descriptors.size() * sizeof(int);
      message.msg_control = control.data();
      message.msg_controllen = CMSG_SPACE(size);
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(size);
      ::memcpy(CMSG_DATA(header), descriptors.data(), size);
    }
    ssize_t sent = 0;
    do sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0) throw system_error("sending to a run's other end");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

Received receive_with_descriptors(int socket, std::size_t most) {
  Received received;
  received.bytes.resize(most);
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostDescriptors * sizeof(int))> control{};
  iovec piece{received.bytes.data(), most};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t got = 0;
  do got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got < 0) throw system_error("reading from a run's other end");
  received.bytes.resize(static_cast<std::size_t>(got));
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const auto count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      ::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
      received.descriptors.emplace_back(fd);
    }
  }
  return received;
}

}  // namespace host::runs
