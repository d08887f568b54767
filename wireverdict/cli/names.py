"""Names that go into messages and documents, as options."""

from __future__ import annotations

from typing import Any

import click


class Name(click.ParamType):
    """Text that UTF-8 can hold: what a shell passes need not be."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text, or a usage error."""
        text = str(value)
        try:
            text.encode()
        except UnicodeEncodeError:
            self.fail(f"{text!a} is not UTF-8; choose a name that is", param, ctx)
        return text


NAME = Name()
