#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real clients through the meter: streaming and not, with tools and without, and what they show of
its refusals. Usage: clients.py openai|litellm|node PROGRAM. Ends with 77 where the client is not
installed, and says how to get it."""
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}}}}}]
HELLO = [{"role": "user", "content": "hello"}]


class Metered:
    """The program, with so many tokens left in its ledger."""

    def __init__(self, program, left=1_000_000):
        self.process = subprocess.Popen([program, str(left)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        run = json.loads(self.process.stdout.readline())
        self.url, self.key = run["url"], run["key"]

    def charges(self, count):
        """What was charged, once so many calls are settled."""
        for _ in range(500):
            self.process.stdin.write("\n")
            self.process.stdin.flush()
            charged = json.loads(self.process.stdout.readline())
            if len(charged) >= count:
                return charged
            time.sleep(0.01)
        raise AssertionError(f"only {charged} of {count} calls were settled")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()


def expect(got, wanted, what):
    if got != wanted:
        raise AssertionError(f"{what}: got {got!r}, expected {wanted!r}")


def raises(kinds, text, call):
    try:
        call()
    except kinds as error:
        if text not in str(error):
            raise AssertionError(f"{error!r} does not show {text!r}") from error
        return
    raise AssertionError(f"nothing was raised; expected {text!r}")


def try_openai(program):
    import openai
    with Metered(program) as metered:
        client = openai.OpenAI(base_url=metered.url, api_key=metered.key)
        chat = client.chat.completions
        reply = chat.create(model="small-1", messages=HELLO)
        expect(reply.choices[0].message.content, "Hello from upstream", "a reply")
        expect(reply.usage.total_tokens, 15, "its usage")
        reply = chat.create(model="acme/small-1", messages=HELLO, tools=TOOLS)
        expect(reply.choices[0].message.tool_calls[0].function.arguments, '{"city":"Rome"}', "a tool")
        pieces = list(chat.create(model="small-1", messages=HELLO, stream=True))
        expect("".join(p.choices[0].delta.content or "" for p in pieces), "Hello from upstream",
               "a stream; each piece has a choice")
        pieces = list(chat.create(model="small-1", messages=HELLO, stream=True,
                                  stream_options={"include_usage": True}))
        expect(pieces[-1].usage.total_tokens, 15, "a stream's usage, asked for")
        pieces = list(chat.create(model="small-1", messages=HELLO, stream=True, tools=TOOLS))
        expect([p.choices[0].delta.tool_calls[0].function.name for p in pieces
                if p.choices[0].delta.tool_calls], ["weather"], "a streamed tool")
        vector = client.embeddings.create(model="small-1", input="x", encoding_format="float")
        expect(vector.data[0].embedding, [0.5, 0.25], "an embedding")
        expect([m.id for m in client.models.list()], ["small-1"], "the models")
        expect(metered.charges(6), [15, 15, 15, 15, 15, 4], "what was charged")
        raises(openai.APIError, "closed the stream before its end",
               lambda: list(chat.create(model="small-1", messages=HELLO, stream=True, user="breaks")))
        expect(metered.charges(7)[-1], "hold", "half a stream")
        raises(openai.InternalServerError, "upstream says no",
               lambda: chat.create(model="small-1", messages=HELLO, user="500"))
        expect(metered.charges(8)[7:], ["hold"], "a failure that was charged, and not tried again")
        raises(openai.InternalServerError, "upstream says no",
               lambda: chat.create(model="small-1", messages=HELLO, user="503"))
        expect(metered.charges(11)[8:], ["dropped"] * 3, "one that cost nothing, and was")
        raises(openai.PermissionDeniedError, "is banned on this host",
               lambda: chat.create(model="claude-9", messages=HELLO))
        raises(openai.NotFoundError, "the meter has no POST /v1/responses",
               lambda: client.responses.create(model="small-1", input="x"))
        other = openai.OpenAI(base_url=metered.url, api_key="tk-wrong")
        raises(openai.AuthenticationError, "not the key of a run",
               lambda: other.chat.completions.create(model="small-1", messages=HELLO))
    with Metered(program, left=10) as metered:
        client = openai.OpenAI(base_url=metered.url, api_key=metered.key)
        began = time.monotonic()
        raises(openai.RateLimitError, "the cap of the day is reached",
               lambda: client.chat.completions.create(model="small-1", messages=HELLO))
        if time.monotonic() - began > 0.4:
            raise AssertionError("the client tried a refusal again")


def try_litellm(program):
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import litellm
    litellm.suppress_debug_info = True
    with Metered(program) as metered:
        def ask(**more):
            return litellm.completion(model="openai/small-1", api_base=metered.url,
                                      api_key=metered.key, messages=HELLO, **more)
        reply = ask()
        expect(reply.choices[0].message.content, "Hello from upstream", "a reply")
        expect(ask(tools=TOOLS).choices[0].message.tool_calls[0].function.name, "weather", "a tool")
        text = "".join(p.choices[0].delta.content or "" for p in ask(stream=True))
        expect(text, "Hello from upstream", "a stream")
        names = [p.choices[0].delta.tool_calls[0].function.name for p in ask(stream=True, tools=TOOLS)
                 if p.choices[0].delta.tool_calls]
        expect(names[:1], ["weather"], "a streamed tool")
        expect(metered.charges(4), [15, 15, 15, 15], "what was charged")
    with Metered(program, left=10) as metered:
        raises(litellm.exceptions.RateLimitError, "the cap of the day is reached",
               lambda: litellm.completion(model="openai/small-1", api_base=metered.url,
                                          api_key=metered.key, messages=HELLO))


def try_node(program):
    script = pathlib.Path(__file__).with_name("clients.mjs")
    with Metered(program) as metered, Metered(program, left=10) as empty:
        done = subprocess.run(["node", str(script), metered.url, metered.key, empty.url, empty.key],
                              check=False)
        if done.returncode != 0:
            sys.exit(done.returncode)
        expect(metered.charges(9), [15, 15, 15, 15, "hold", "hold"] + ["dropped"] * 3,
               "what was charged; only what cost nothing was tried again")


def missing(name):
    """What keeps the client from being tried and how to get it, or None."""
    if name == "node":
        if shutil.which("node"):
            return None
        return "there is no node on $PATH; install Node.js 20 or newer, and openai as clients.mjs says"
    if importlib.util.find_spec(name):
        return None
    return (f"{sys.executable} has no module {name}; python3 -m venv DIR && DIR/bin/pip install {name}, "
            "and say TIMMY_CLIENT_PYTHON=DIR/bin/python3")


def main():
    name, program = sys.argv[1:]
    python = os.environ.get("TIMMY_CLIENT_PYTHON")
    if python and os.environ.get("TIMMY_CLIENT_FOUND") != python:
        os.environ["TIMMY_CLIENT_FOUND"] = python
        os.execv(python, [python, *sys.argv])
    why = missing(name)
    if why:
        print(f"skipped: {why}")
        sys.exit(77)
    {"openai": try_openai, "litellm": try_litellm, "node": try_node}[name](program)
    print(f"{name}: all as expected")


main()
