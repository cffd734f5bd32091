"""What the users of one run share: watchwords, the studio that draws, the file of answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from random import Random

from loadtests.child import child
from loadtests.users.answers import KINDS, Answer, AnswerFile
from loadtests.users.drawing import Studio
from loadtests.users.watchwords import Lending, sentences, sums, written

_WORDS = {"text": "sentence", "sound": "sentence", "video": "sentence", "image": "number", "realtime": "sum"}


class Run:
    """One run against the server at `host`, `http://name:port`."""

    def __init__(self, host: str, kinds: Sequence[str], studio: Studio, file: AnswerFile) -> None:
        self.host, self.kinds, self.studio = host, tuple(kinds), studio
        self._file = file
        self._seeds = count()
        made = {"sentence": sentences(), "number": written(), "sum": sums()}
        self._lendings = {name: Lending(words, Random(name)) for name, words in made.items()}

    @property
    def chat_kinds(self) -> tuple[str, ...]:
        return tuple(kind for kind in self.kinds if kind != "realtime")

    @property
    def answered(self) -> int:
        return self._file.count

    def words(self, kind: str) -> Lending:
        return self._lendings[_WORDS[kind]]

    def seed(self) -> int:
        """Another one each time."""
        return next(self._seeds)

    def add(self, answer: Answer) -> None:
        self._file.add(answer)


@contextmanager
def running(host: str, kinds: Sequence[str], folder: Path) -> Iterator[Run]:
    """A run whose answers go to `folder`, until the block is left."""
    assert set(kinds) <= set(KINDS)
    file = AnswerFile(folder)
    with child("loadtests.users.drawing") as drawing:
        try:
            yield Run(host.rstrip("/"), kinds, Studio(drawing), file)
        finally:
            file.close()
