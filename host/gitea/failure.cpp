// SPDX-License-Identifier: Apache-2.0
#include "gitea/failure.hpp"

#include "base/json.hpp"
#include "base/utf8.hpp"

namespace host {
namespace {

constexpr std::size_t kMessageCap = 300;
constexpr std::size_t kValuesMost = 1000;

bool is_json(const HttpResponse& response) {
  const std::string* type = response.header("content-type");
  return type != nullptr && type->find("json") != std::string::npos && !response.body.empty();
}

Error forbidden(const std::string& said, const std::string& message) {
  // The one way to tell a missing scope: both wordings of the server hold these words.
  const auto at = message.find("required scope");
  if (at == std::string::npos)
    return {Code::denied, said, "Give the token's user the permission, or leave this out."};
  const auto open = message.find('[', at);
  const auto close = message.find(']', open);
  const std::string scope = open == std::string::npos || close == std::string::npos
                                ? std::string("named in the message")
                                : message.substr(open + 1, close - open - 1);
  return {Code::denied, said, "Make a token that has the scope " + scope + "."};
}

Error not_found(const HttpResponse& response, const std::string& said) {
  // An object that is missing is told in JSON (or null); a route that is missing in plain text.
  const std::string* type = response.header("content-type");
  if (type != nullptr && type->starts_with("text/plain") &&
      response.body.starts_with("404 page not found"))
    return {Code::unsupported, said + ": this server has no such route",
            "Check the Gitea URL, and that the server's version is supported."};
  return {Code::not_found, said, "It does not exist, or this token may not see it."};
}

}  // namespace

std::string server_message(const HttpResponse& response) {
  if (!is_json(response)) return {};
  std::string message;
  try {
    const Json json = parse_json(response.body, "the reply", kJsonDepth, kValuesMost);
    const auto at = json.is_object() ? json.find("message") : json.end();
    if (json.is_object() && at != json.end() && at->is_string()) message = at->get<std::string>();
  } catch (const Error&) {
    return {};
  }
  if (cut_text(message, kMessageCap)) message += "...";
  for (char& c : message)
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = ' ';
  return message;
}

Error classify(const HttpResponse& response, std::string_view what) {
  const std::string message = server_message(response);
  const std::string said = std::string(what) + ": " + std::to_string(response.status) +
                           (message.empty() ? "" : " (" + message + ")");
  switch (response.status) {
    case 400:
    case 405:
    case 406:
    case 415:
    case 422:
      return {Code::invalid, said, "Change what is asked for; the same again will fail again."};
    case 401:
      return {Code::denied, said + ": the server does not take the token",
              "Write a valid token to the token file; it is read again when it changes."};
    case 403: return forbidden(said, message);
    case 404: return not_found(response, said);
    case 409:
    case 412: return {Code::conflict, said, "Look at the object's state on the server."};
    case 410: return {Code::not_found, said, "It is gone for good."};
    case 413: return {Code::too_large, said, "Free some of the owner's quota on the server."};
    case 423:
      return {Code::conflict, said + ": the repository is archived",
              "Leave it out, or unarchive it."};
    case 429:
      return {Code::rate_limited, said, "The server asked for a pause; it is kept by itself."};
    default: break;
  }
  if (response.status >= 500)
    return {Code::unavailable, said, "Look at the server's log if it stays so."};
  return {Code::invalid, said + ": not an answer that this call has",
          "Check the Gitea URL: something else may answer there."};
}

Error with_context(std::string_view what, const Error& error) {
  if (error.message().starts_with(what)) return error;
  return {error.code(), std::string(what) + ": " + error.message(), error.next_step()};
}

}  // namespace host
