"""A voice session: a spoken question goes in, and what was understood and the spoken answer come out.

python realtime.py question.wav answer.wav (the question as WAV with 16 bits, mono, at 24 kHz)
"""

import asyncio
import base64
import os
import sys
import wave

from openai import AsyncOpenAI

client = AsyncOpenAI(
    base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1"),
    api_key=os.environ.get("OPENAI_API_KEY", "none"),
)
SECOND = 48_000
"""Bytes of it."""


async def main(question: str, answer: str) -> None:
    with wave.open(question) as file:
        assert file.getparams()[:3] == (1, 2, 24_000), "mono, 16 bits, 24 kHz"
        spoken = file.readframes(file.getnframes()) + bytes(SECOND)  # a silence, so that the turn ends
    async with client.realtime.connect(model="gpt-realtime") as session:
        await session.session.update(
            session={"type": "realtime", "audio": {"input": {"transcription": {"model": "whisper-1"}}}}
        )
        for at in range(0, len(spoken), SECOND // 10):
            piece = spoken[at : at + SECOND // 10]
            await session.input_audio_buffer.append(audio=base64.b64encode(piece).decode())
        sound, missing = bytearray(), {"question", "answer"}
        async for event in session:
            match event.type:
                case "conversation.item.input_audio_transcription.completed":
                    print("you:", event.transcript)
                    missing.discard("question")
                case "response.output_audio.delta":
                    sound += base64.b64decode(event.delta)
                case "response.output_audio_transcript.done":
                    print("ola:", event.transcript)
                case "response.done":
                    missing.discard("answer")
                case "error" | "conversation.item.input_audio_transcription.failed":
                    raise RuntimeError(event.error.message)
            if not missing:
                break
    with wave.open(answer, "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        file.writeframes(bytes(sound))


asyncio.run(main(*sys.argv[1:]))
