"""A question about a video, which is heard as well as seen: python chat_video.py clip.mp4 "What moves?" """

import base64
import os
import sys
from pathlib import Path
from typing import Any

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1"),
    api_key=os.environ.get("OPENAI_API_KEY", "none"),
)
path, question = sys.argv[1:]
video = base64.b64encode(Path(path).read_bytes()).decode()
# The SDK has no type for videos; it sends what it is given.
content: Any = [
    {"type": "video_url", "video_url": {"url": f"data:video/mp4;base64,{video}"}},
    {"type": "text", "text": question},
]
completion = client.chat.completions.create(
    model=client.models.list().data[0].id,
    messages=[{"role": "user", "content": content}],
)
print(completion.choices[0].message.content)
