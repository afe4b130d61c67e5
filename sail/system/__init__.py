"""The machine: files, worker processes, versions, the checks of `sail doctor`."""
