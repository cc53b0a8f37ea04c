"""A plugin that raises when it is imported."""

raise RuntimeError("the licence server does not answer")
