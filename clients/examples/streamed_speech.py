"""An answer that is spoken while it is being thought: python streamed_speech.py "Tell me a story." story.wav"""

import base64
import os
import sys
import wave

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1"),
    api_key=os.environ.get("OPENAI_API_KEY", "none"),
)
question, target = sys.argv[1:]
stream = client.chat.completions.create(
    model=client.models.list().data[0].id,
    messages=[{"role": "user", "content": question}],
    modalities=["text", "audio"],
    audio={"voice": "alloy", "format": "pcm16"},
    stream=True,
)
with wave.open(target, "wb") as file:
    file.setparams((1, 2, 24_000, 0, "NONE", ""))
    for chunk in stream:
        audio = chunk.choices[0].delta.audio if chunk.choices else None
        if audio and audio.transcript:
            print(audio.transcript, end="", flush=True)
        if audio and audio.data:
            file.writeframes(base64.b64decode(audio.data))
print()
