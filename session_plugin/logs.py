"""Loggers whose records carry what they say as fields, for logs that programs read.

`logger.warning("plugin %(plugin)s failed", plugin=name)` makes a record with the text, and with the
attribute `plugin`. Imports the standard library only.
"""

from __future__ import annotations

import logging


class FieldLogger:
    """The standard library's logger of a name, with named fields.

    A text is the same for all records of its kind: `record.msg` tells them apart. Fields are text,
    numbers or None; what is something else is logged as text.
    """

    def __init__(self, name: str) -> None:
        """Log under `name`."""
        self._logger = logging.getLogger(name)

    def debug(self, text: str, /, *, exc_info: Exception | None = None, **fields: object) -> None:
        """Log for those who look for a mistake."""
        self._log(logging.DEBUG, text, fields, exc_info)

    def info(self, text: str, /, **fields: object) -> None:
        """Log what is as it should be."""
        self._log(logging.INFO, text, fields)

    def warning(self, text: str, /, **fields: object) -> None:
        """Log what an operator should know."""
        self._log(logging.WARNING, text, fields)

    def error(self, text: str, /, **fields: object) -> None:
        """Log what went wrong."""
        self._log(logging.ERROR, text, fields)

    def exception(self, text: str, /, **fields: object) -> None:
        """Log what went wrong, with the exception that is being handled."""
        self._log(logging.ERROR, text, fields, True)

    def _log(
        self,
        level: int,
        text: str,
        fields: dict[str, object],
        exc_info: bool | Exception | None = None,
    ) -> None:
        if not self._logger.isEnabledFor(level):
            return

        plain = {
            name: value if isinstance(value, str | int | float | None) else str(value)
            for name, value in fields.items()
        }
        arguments = (plain,) if plain else ()
        self._logger.log(level, text, *arguments, extra=plain, exc_info=exc_info, stacklevel=3)
