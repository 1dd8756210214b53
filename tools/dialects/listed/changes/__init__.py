"""Changes of given pictures in anybody's words: read by rule, then told of the things that were seen in them."""

from omniagent.tools.dialects.listed.changes.compositions import Composition, composed, composition_in
from omniagent.tools.dialects.listed.changes.grounding import Grounded, grounded
from omniagent.tools.dialects.listed.changes.reader import Changes, changes_in

__all__ = ["Changes", "Composition", "Grounded", "changes_in", "composed", "composition_in", "grounded"]
