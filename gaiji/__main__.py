"""`python -m gaiji` is the command `gaiji`."""

from gaiji.cli import main

main()
