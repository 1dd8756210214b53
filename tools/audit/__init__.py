"""Holding a checklist against the words of its task: pure code, the words' meaning comes from a dialect."""

from omniagent.tools.audit.audit import Audited, audited
from omniagent.tools.audit.mention import Mention, MentionKind, Told
from omniagent.tools.audit.second import Joined, joined

__all__ = ["Audited", "Joined", "Mention", "MentionKind", "Told", "audited", "joined"]
