"""What goes wrong while a model of the perception is read, as a fault of its checkpoint."""

from collections.abc import Generator
from contextlib import contextmanager

from omniagent.model.errors import BadCheckpoint
from omniagent.model.wording import shown


@contextmanager
def read_as(role: str, name: str, wanted: str) -> Generator[None]:
    """Around the reading of a checkpoint.

    Args:
        role: What it is here, such as `detector`.
        name: Its folder or repository.
        wanted: What to name instead, after "name a folder or repository of".

    Raises:
        BadCheckpoint: in place of what the library raises.
    """
    from safetensors import SafetensorError

    try:
        yield
    except BadCheckpoint:
        raise
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()
        raise BadCheckpoint(
            f"{role} {shown(name)} cannot be loaded ({reason[0] if reason else type(error).__name__}); "
            f"name a folder or repository of {wanted}"
        ) from error
