"""Runs the real agent over tasks of the shapes world's test split and judges its pictures with the oracle."""

from omniagent.shapes.evaluation.figures import SuiteFigures, figures_of, table
from omniagent.shapes.evaluation.runner import run_suite
from omniagent.shapes.evaluation.suites import SUITES, tasks_of

__all__ = ["SUITES", "SuiteFigures", "figures_of", "run_suite", "table", "tasks_of"]
