"""`python -m bots` is `confab`."""

from bots.cli import main

main()
