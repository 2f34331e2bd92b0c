"""`voiced plugin new`: begins a plugin."""

from __future__ import annotations

from argparse import Namespace
from typing import TextIO

from voiced.plugins import discovery
from voiced.scaffold import PluginName, make


def new(arguments: Namespace, out: TextIO) -> int:
    installed = discovery.installed()
    name = PluginName.of(arguments.name, {source.name: source.place for source in installed if not source.built_in})
    first, *others = make(name, arguments.into)
    project = arguments.into / name.package
    print(f"{project} is made. Begin with {first}", file=out)
    for path in others:
        print(f"  {path.relative_to(project)}", file=out)
    print(f"then:\n  cd {project}\n  pip install -e '.[test]' && pytest\n  voiced plugin dev .", file=out)
    if name.plugin in (source.name for source in installed if source.built_in):
        print(f"voiced has a plugin {name.plugin} of its own; yours takes its place once it is installed", file=out)
    return 0
