"""Models of stated quality, run through the agent's real graph, so that policies of the loop can be compared.

A picture is a grid of tiles, one a line of the checklist, whose pixels hold the truth about that line. A generator
draws it with the chances of its data file, a critic errs as often as its own says, and everything between the two is
the agent as it is: tools, dialect, graph and rules. Nothing waits and nothing is written, so that thousands of runs
take a minute.
"""

from omniagent.simulation.qualities import CriticQuality, GeneratorQuality, critic_of, generator_of, known
from omniagent.simulation.running import Ended, Simulator

__all__ = ["CriticQuality", "Ended", "GeneratorQuality", "Simulator", "critic_of", "generator_of", "known"]
