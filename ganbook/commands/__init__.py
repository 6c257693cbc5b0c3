"""The subcommands of `ganbook`, a file each: `add` describes one to the parser, and what it runs."""
