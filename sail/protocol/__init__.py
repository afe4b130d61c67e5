"""The paper's protocol as a grid of cells: task × method × filter × seed × iteration."""
