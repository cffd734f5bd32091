"""CosyVoice, CosyVoice2 and Fun-CosyVoice3: voices with weights, for a GPU, in a worker process of their own.

Their code is no package of this one and not a part of it: it comes from an upstream checkout (docs/voices.md).
"""

from tts.voices.cosyvoice.model import CosyVoice, CosyVoiceVoice, load_cosyvoice

__all__ = ["CosyVoice", "CosyVoiceVoice", "load_cosyvoice"]
