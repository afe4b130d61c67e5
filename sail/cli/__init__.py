"""The command line: one module a command. Each imports heavy packages when it runs, so that help is fast."""
