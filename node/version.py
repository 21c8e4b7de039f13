"""Which version of the program this is: the one number of pyproject.toml, readable where no package was installed."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
