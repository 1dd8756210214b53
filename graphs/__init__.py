"""Floor 3: the LangGraph state machine: state, pure rules, thin nodes, and every edge in `build`."""
