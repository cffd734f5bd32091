"""A spoken question, answered in writing: python chat_sound.py question.wav"""

import base64
import os
import sys
from pathlib import Path

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1"),
    api_key=os.environ.get("OPENAI_API_KEY", "none"),
)
sound = base64.b64encode(Path(sys.argv[1]).read_bytes()).decode()
completion = client.chat.completions.create(
    model=client.models.list().data[0].id,
    messages=[
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": sound, "format": "wav"}}]},
    ],
)
print(completion.choices[0].message.content)
