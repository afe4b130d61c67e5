"""The paper's protocol: a grid of cells, task × method × filter × seed × iteration, run and summed up."""
