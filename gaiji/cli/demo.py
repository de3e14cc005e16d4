"""gaiji demo: the whole main job on the built-in council."""

from __future__ import annotations

from typing import Annotated

import typer

from gaiji.cli.serving import serve as serve_registry
from gaiji.cli.shared import Home, say, settings_for
from gaiji.demo.generate import RECORDS
from gaiji.demo.story import Story


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("demo")(demo)


def demo(
    home: Home = None,
    records: Annotated[
        int, typer.Option(min=100, help="各市の住民の数 / residents of each city")
    ] = RECORDS,
    serve: Annotated[
        bool, typer.Option("--serve", help="終わったら serve する / then serve")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="ポート / port")] = 8000,
) -> None:
    """八つの市の見本で仕事の全体を行う / do the whole main job on a council of eight cities."""
    from gaiji.cli import run  # the story types the very commands of this command line

    Story(settings_for(home), records, run, say).tell()
    if serve:
        serve_registry(port=port, home=home, open_work=True)
