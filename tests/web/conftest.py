"""What the tests of the web floor share."""

from tests.web.live import live

__all__ = ["live"]
