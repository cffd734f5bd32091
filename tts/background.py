"""Tasks beside a block of code, which end with it. Knows nothing of what they do."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskGroup


@asynccontextmanager
async def background(linger: float = 0.0) -> AsyncGenerator[TaskGroup, None]:
    """A group for tasks that run while the block does. After it they have `linger` seconds to end by themselves, then
    they are cancelled.

    What the block raises comes out as it is. What a task raises ends the block and comes out as a group, also when the
    block has failed. Cancelling cancels the tasks at once.
    """
    failure: Exception | None = None
    async with anyio.create_task_group() as group:
        try:
            yield group
        except Exception as error:  # outside the group it would come out as one
            failure = error
        group.cancel_scope.deadline = anyio.current_time() + linger
    if failure is not None:
        raise failure
