"""``python -m etsledger.cli`` is ``etsledger``."""

from etsledger.cli.main import main

if __name__ == "__main__":
    main()
