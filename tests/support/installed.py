"""`confab`, as it is called where it is installed."""

from bots.cli import main

if __name__ == "__main__":
    main(prog_name="confab")
