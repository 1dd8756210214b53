"""Which weights the judges of this process use, as a person names them."""

from collections.abc import Sequence

from omniagent.model.errors import BadSetting
from omniagent.model.wording import shown


def named(given: str | None, usual: Sequence[str], what: str) -> tuple[str, ...]:
    """Names of weights: those that were given, parted by commas, or the usual ones where none were.

    Args:
        given: Folders or hub names.
        usual: As many as must be given.
        what: What they are, for the error.

    Raises:
        BadSetting: another number of names.
    """
    if given is None:
        return tuple(usual)
    names = tuple(name.strip() for name in given.split(","))
    if len(names) != len(usual) or not all(names):
        raise BadSetting(
            f"the judge's model {shown(given)} does not name {what}; give {len(usual)} folders or hub names, parted by "
            f"commas, such as {','.join(usual)}"
        )
    return names
