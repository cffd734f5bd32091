"""Where recorded voices are kept: in a folder, or in Redis, whose package only `RedisRegistry` needs."""

from tts.registry.files import FileRegistry
from tts.registry.hashes import RedisRegistry
from tts.registry.kept import RegistryError

__all__ = ["FileRegistry", "RedisRegistry", "RegistryError"]
