"""`ola chat`: asks what stands on the command line, in a pipe, or is typed, and shows the answers while they come."""

from __future__ import annotations

import sys
from argparse import Action, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from clients import saving
from clients.attachments import KINDS, Attachment, refusals_by_name
from clients.chat import history, showing
from clients.chat.commands import Desk, QuitError, obey
from clients.chat.conversation import Conversation, Manner
from clients.ending import ClientError, complain, ending, explained
from clients.loudspeaker import Loudspeaker
from clients.sdk import add_server_options, opened, served_model

EXAMPLES = """\
  ola chat                                             type, /help inside
  ola chat --image shapes.png "What do you see?"       one question, one answer
  echo "What do you see?" | ola chat --image shapes.png
  ola chat --save answer.wav "Tell me a story."        spoken as well
  ola chat --json --lines < questions.txt              a conversation by a script"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; `arguments` without the command's name."""
    options = parsed(arguments)
    with ending("chat", options.base_url):
        Chat(options).run()


class _Attach(Action):
    """`--image FILE` and its like, in the order in which they stand."""

    def __call__(self, parser: ArgumentParser, namespace: Namespace, values: Any, option_string: Any = None) -> None:
        (kind,) = (kind for kind in KINDS if kind == self.const)
        namespace.attached = [*namespace.attached, Attachment(kind, Path(values))]


def parsed(arguments: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(
        prog="ola chat",
        description="Talk with a server in writing. Without TEXT questions are typed, or are what is piped in.",
        epilog=f"examples:\n{EXAMPLES}",
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("text", nargs="?", metavar="TEXT", help="the question")
    for kind in KINDS:
        parser.add_argument(
            f"--{kind}",
            dest="attached",
            action=_Attach,
            const=kind,
            default=[],
            metavar="FILE",
            help=f"a {kind} for the first question; any number",
        )
    parser.add_argument("--system", metavar="TEXT", help="how to answer")
    parser.add_argument("--model", metavar="NAME", help="who answers (default: the first model that the server lists)")
    parser.add_argument("--temperature", type=float, metavar="N")
    parser.add_argument("--max-tokens", type=int, metavar="N", help="the longest answer")
    parser.add_argument(
        "--save",
        type=Path,
        metavar="FILE",
        help="the answer spoken, in the format of the name; further ones are FILE-2 ...",
    )
    parser.add_argument("--play", action="store_true", help="the answer spoken, on the loudspeaker")
    parser.add_argument("--voice", metavar="NAME", help="who speaks: `ola voices` lists them")
    parser.add_argument("--history", type=Path, metavar="FILE", help="go on with the conversation in this file")
    parser.add_argument("--lines", action="store_true", help="every line that is piped in is a question, or a /command")
    parser.add_argument("--json", action="store_true", help="one JSON object for each answer")
    add_server_options(parser)
    options = parser.parse_args(arguments)
    if options.voice and not (options.save or options.play):
        parser.error("--voice needs --save FILE or --play: where should the voice be heard?")
    if options.lines and options.text is not None:
        parser.error("--lines reads the questions from standard input: TEXT has no place")
    return options


class Chat:
    """One run of the command."""

    def __init__(self, options: Namespace) -> None:
        """ClientError if a file that was named is not there, or there is nothing to ask. The server is asked later."""
        self._options = options
        for attachment in options.attached:
            if not attachment.path.is_file():
                raise ClientError(f"there is no file {attachment.path}")
        messages = history.read(options.history) if options.history else []
        if options.system is not None:
            messages = [{"role": "system", "content": options.system}, *_without_system(messages)]
        self._typed = options.text is None and sys.stdin.isatty()
        self._question = "" if self._typed or options.lines else _question(options)
        self._answers = 0
        self._loudspeaker = Loudspeaker() if options.play else None
        self._desk = Desk(_manner(options), messages, options.save, options.play, options.attached)

    def run(self) -> None:
        """Ask everything. Raises ClientError and what the SDK raises; a typed conversation shows them and goes on."""
        with opened(self._options) as sdk:
            if not self._desk.manner.model:
                self._desk.manner = _manner(self._options, served_model(sdk))
            conversation = Conversation(sdk, self._desk.messages)
            try:
                for line in self._lines():
                    self._take(line, conversation)
            except QuitError:
                pass
        if self._loudspeaker is not None:
            self._loudspeaker.finish()

    def _lines(self) -> Iterator[str]:
        """What to ask, and commands."""
        if self._typed:
            yield from _typed_lines()
        elif self._options.lines:
            yield from (line.strip() for line in sys.stdin if line.strip())
        else:
            # Behind a space a slash is no command: only what is typed, or comes by lines, has some.
            yield f" {self._question}"

    def _take(self, line: str, conversation: Conversation) -> None:
        try:
            question: str | None = line.strip()
            if line.startswith("/"):
                question, shown = obey(line, self._desk)
                if shown:
                    showing.note(shown)
            if question is not None:
                self._ask(question, conversation)
        except KeyboardInterrupt:
            if not self._typed:
                raise
            if self._loudspeaker is not None:
                self._loudspeaker.drop()
            print("\n(stopped)", file=sys.stderr)
        except Exception as error:
            if not self._typed or (said := explained(error, self._options.base_url)) is None:
                raise
            complain("chat", said)

    def _ask(self, question: str, conversation: Conversation) -> None:
        desk, attached = self._desk, self._desk.attached
        content = desk.content(question)
        if self._loudspeaker is not None:
            self._loudspeaker.drop()
        place = showing.place(desk.save, self._answers + 1)
        with (
            closing(showing.Shown(place, self._loudspeaker, as_json=self._options.json)) as shown,
            refusals_by_name(attached),
        ):
            answer = conversation.ask(content, desk.manner, shown)
            shown.finish(answer, desk.manner)
        self._answers += 1
        if self._options.history:
            history.write(self._options.history, desk.messages)


def _question(options: Namespace) -> str:
    """The only one, if it is not typed."""
    text: str = options.text if options.text is not None else sys.stdin.read().strip()
    if not text and not options.attached:
        raise ClientError("there is nothing to ask: no TEXT, nothing piped in, nothing attached")
    return text


def _manner(options: Namespace, model: str | None = None) -> Manner:
    sound_format = saving.format_of(options.save) if options.save else None
    if options.play and sound_format not in (None, "pcm16"):
        raise ClientError("what is played can only be saved as .wav or .pcm")
    sound_format = "pcm16" if options.play else sound_format
    return Manner(options.model or model or "", options.voice, sound_format, options.temperature, options.max_tokens)


def _without_system(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return messages[1:] if messages and messages[0]["role"] == "system" else messages


def _typed_lines() -> Iterator[str]:
    """Lines from a terminal, with its history under the arrow keys, until Ctrl-D."""
    import readline  # noqa: F401  # input() uses it

    showing.note("Type a question; /help says what else. Ctrl-C stops an answer, Ctrl-D ends.")
    while True:
        try:
            line = input("> ")
        except EOFError:
            print()
            return
        if line.strip():
            yield line
