"""Japanese: digits stay, since what is counted changes how they are read and voices know that; signs become words."""

from __future__ import annotations

from tts.spoken.verbalizer import Verbalizer


class Japanese(Verbalizer):
    """Numbers keep their digits."""

    reads_numbers = False
