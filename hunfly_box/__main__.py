"""`python -m hunfly_box`, and the command hunfly-box."""

from hunfly_box.cli.verbs import main

__all__ = ["main"]

if __name__ == "__main__":
    main(prog_name="hunfly-box")
