"""What can be typed into `ola chat` besides questions: lines that begin with a slash. Core without I/O but for files
that are named."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path

from clients import saving
from clients.attachments import KINDS, Attachment, Part
from clients.chat import history
from clients.chat.conversation import Manner, Message
from clients.ending import ClientError

HELP = """\
/image FILE [QUESTION]   attach a picture, to this question or to the next one; /video and /sound likewise
/model NAME              who answers
/save FILE               from now on answers are spoken, and saved there (off: written only)
/voice NAME              who speaks
/system TEXT             how to answer; begins a new conversation
/new                     begin a new conversation
/history                 what was said
/help                    this
/quit                    end, as Ctrl-D does"""


class QuitError(Exception):
    """The user has had enough."""


@dataclass(slots=True)
class Desk:
    """What is laid out for the next question."""

    manner: Manner
    messages: list[Message]
    save: Path | None = None
    plays: bool = False
    attached: list[Attachment] = field(default_factory=list)

    def content(self, text: str) -> list[Part]:
        """A message's, of all that is attached and then the text. ClientError if a file cannot be read."""
        parts = [attachment.part() for attachment in self.attached]
        self.attached = []
        return [*parts, {"type": "text", "text": text}] if text else parts

    def begin(self, system: str | None) -> None:
        """A new conversation; without a text under the instructions of the last one."""
        kept = [message for message in self.messages[:1] if message["role"] == "system"]
        self.messages[:] = kept if system is None else [{"role": "system", "content": system}]


def obey(line: str, desk: Desk) -> tuple[str | None, str | None]:
    """Do what a line with a slash says. A question to ask now, and something to show; either may be missing.

    Raises:
        ClientError: it makes no sense, or its file is not there.
        QuitError: it says so.
    """
    word, _, rest = line[1:].strip().partition(" ")
    rest = rest.strip()
    if word in KINDS:
        return _attach(word, rest, desk), None
    match word:
        case "help":
            return None, HELP
        case "history":
            return None, "\n".join(map(history.said, desk.messages)) or "nothing was said"
        case "new":
            desk.begin(None)
        case "quit" | "exit":
            raise QuitError
        case "model" | "voice" | "save" | "system" if not rest:
            raise ClientError(f"/{word} wants something behind it; /help says what")
        case "model":
            desk.manner = replace(desk.manner, model=rest)
        case "voice":
            desk.manner = replace(desk.manner, voice=rest)
            if not desk.manner.sound_format:
                return None, "answers are not spoken yet: /save FILE says where they go"
        case "save":
            _save(rest, desk)
        case "system":
            desk.begin(rest)
        case _:
            raise ClientError(f"there is no /{word}; /help lists what there is")
    return None, None


def _attach(kind: str, rest: str, desk: Desk) -> str | None:
    try:
        path, *question = shlex.split(rest)
    except ValueError:
        raise ClientError(f"/{kind} wants a file, in quotes if its name has spaces") from None
    attachment = Attachment(next(known for known in KINDS if known == kind), Path(path).expanduser())
    if not attachment.path.is_file():
        raise ClientError(f"there is no file {attachment.path}")
    desk.attached.append(attachment)
    return " ".join(question) or None


def _save(rest: str, desk: Desk) -> None:
    if rest == "off":
        desk.save = None
        desk.manner = replace(desk.manner, sound_format="pcm16" if desk.plays else None)
        return
    path = Path(rest).expanduser()
    sound_format = saving.format_of(path)
    if desk.plays and sound_format != "pcm16":
        raise ClientError("what is played can only be saved as .wav or .pcm")
    desk.save, desk.manner = path, replace(desk.manner, sound_format=sound_format)
