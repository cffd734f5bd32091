"""What is typed with a slash, and conversations in files, without a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clients.attachments import Attachment
from clients.chat import history
from clients.chat.commands import HELP, Desk, QuitError, obey
from clients.chat.conversation import Manner
from clients.ending import ClientError


@pytest.fixture
def desk() -> Desk:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    return Desk(Manner("ola-demo"), messages)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a picture.png"
    path.write_bytes(b"pixels")
    return path


def test_attachments_wait_for_a_question(desk: Desk, picture: Path) -> None:
    assert obey(f"/image '{picture}'", desk) == (None, None)
    question, _ = obey(f"/sound '{picture}' What is this?", desk)
    assert question == "What is this?"
    parts = desk.content(question)
    assert [part["type"] for part in parts] == ["image_url", "input_audio", "text"]
    assert parts[0]["image_url"]["url"] == "data:image/png;base64,cGl4ZWxz"
    assert not desk.attached


@pytest.mark.parametrize(
    ("name", "kind", "part"),
    [
        ("a.webp", "image", {"image_url": {"url": "data:image/webp;base64,cGl4ZWxz"}}),
        ("a", "image", {"image_url": {"url": "data:image/jpeg;base64,cGl4ZWxz"}}),
        ("a.mov", "video", {"video_url": {"url": "data:video/quicktime;base64,cGl4ZWxz"}}),
        ("a.MP3", "sound", {"input_audio": {"data": "cGl4ZWxz", "format": "mp3"}}),
        ("a.unknown", "sound", {"input_audio": {"data": "cGl4ZWxz", "format": "wav"}}),
    ],
)
def test_a_file_becomes_a_part(tmp_path: Path, name: str, kind: str, part: dict[str, object]) -> None:
    path = tmp_path / name
    path.write_bytes(b"pixels")
    attachment = Attachment(kind, path)  # type: ignore[arg-type]
    assert attachment.part() == {"type": next(iter(part))} | part


def test_settings_change(desk: Desk, tmp_path: Path) -> None:
    obey("/model other", desk)
    _, shown = obey("/voice nova", desk)
    assert shown is not None
    assert "not spoken" in shown
    obey(f"/save {tmp_path / 'a.mp3'}", desk)
    fields = desk.manner.fields()
    assert (fields["model"], fields["audio"]) == ("other", {"format": "mp3", "voice": "nova"})
    obey("/save off", desk)
    assert (desk.save, desk.manner.fields()) == (None, {"model": "other"})


def test_a_new_conversation(desk: Desk) -> None:
    assert obey("/history", desk) == (None, "system: Be brief.\nuser: Hi")
    messages = desk.messages
    obey("/new", desk)
    assert messages == [{"role": "system", "content": "Be brief."}]
    obey("/system Be long.", desk)
    assert messages == [{"role": "system", "content": "Be long."}]
    assert obey("/help", desk) == (None, HELP)
    with pytest.raises(QuitError):
        obey("/quit", desk)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("/image", "wants a file"),
        ("/image 'a", "wants a file"),
        ("/video nothing.mp4", "there is no file nothing.mp4"),
        ("/model", "/model wants something"),
        ("/save a.txt", "must end with"),
        ("/jump", "there is no /jump"),
    ],
)
def test_what_makes_no_sense(desk: Desk, line: str, said: str) -> None:
    before = list(desk.messages)
    with pytest.raises(ClientError, match=said):
        obey(line, desk)
    assert (desk.messages, desk.attached) == (before, [])


def test_what_is_played_is_saved_as_samples_only(desk: Desk) -> None:
    desk.plays = True
    with pytest.raises(ClientError, match="can only be saved as"):
        obey("/save a.mp3", desk)


def test_a_conversation_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "talk.json"
    assert history.read(path) == []
    content = [{"type": "image_url", "image_url": {"url": "data:,"}}, {"type": "text", "text": "Hello ☀"}]
    messages = [{"role": "user", "content": content}]
    history.write(path, messages)
    assert history.read(path) == messages
    assert history.said(messages[0]) == "user: [image_url] Hello ☀"
    assert list(tmp_path.iterdir()) == [path]
    path.write_text(json.dumps({"role": "user"}))
    with pytest.raises(ClientError, match="is no conversation"):
        history.read(path)
    with pytest.raises(ClientError, match="cannot write"):
        history.write(tmp_path / "nowhere" / "talk.json", messages)
