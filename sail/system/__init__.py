"""What everything stands on: files, worker processes, versions, the checks of `sail doctor`."""
