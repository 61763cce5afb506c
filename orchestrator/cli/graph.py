"""`orchestrator graph`: the state machine, drawn from its table."""

from __future__ import annotations

from collections.abc import Iterator

import click

from orchestrator.cli import chosen, options
from orchestrator.cli.wiring import Wiring
from orchestrator.states.table import FAIL, Table


@click.command()
@click.argument("name", required=False, shell_complete=chosen.complete)
@click.option(
    "--format", "form", type=click.Choice(("mermaid", "dot")), default="mermaid", show_default=True, help="Language of the drawing."
)
@options.state
@options.everywhere
@click.pass_obj
def graph(wiring: Wiring, name: str | None, form: str) -> None:
    """Draw the state machine of instances; with NAME, that instance's state is marked."""
    from orchestrator.states.instance import TABLE

    marked = ""
    if name is not None:
        states = {record.instance.name: record.state for record in wiring.store.records()}
        chosen.check([name], states)
        marked = states[name]
    for line in mermaid(TABLE, marked) if form == "mermaid" else dot(TABLE, marked):
        click.echo(line)


def mermaid(table: Table, marked: str = "") -> Iterator[str]:
    """A Mermaid state diagram. Ids cannot hold a dash, labels can."""
    ids = {state.name: state.name.replace("-", "_") for state in table.states}
    yield "stateDiagram-v2"
    for name, identity in ids.items():
        yield f'    state "{name}" as {identity}' if name != identity else f"    {identity}"
    yield f"    [*] --> {ids[table.initial]}"
    for source, trigger, dest in arrows(table):
        yield f"    {ids[source]} --> {ids[dest]}: {trigger}"
    yield from (f"    {ids[state.name]} --> [*]" for state in table.states if state.removes)
    if marked:
        yield "    classDef here fill:#fc3,stroke:#333,stroke-width:3px"
        yield f"    class {ids[marked]} here"


def dot(table: Table, marked: str = "") -> Iterator[str]:
    """A Graphviz digraph; busy states are dashed, failures red."""
    yield f"digraph {table.name} {{"
    yield '    node [shape=box, style="rounded"]'
    for state in table.states:
        style = "rounded,dashed" if state.busy else "rounded"
        mark = f'style="{style},filled", fillcolor="#ffcc33"' if state.name == marked else f'style="{style}"'
        yield f'    "{state.name}" [{mark}]'
    for source, trigger, dest in arrows(table):
        red = ", color=red" if trigger == FAIL else ""
        yield f'    "{source}" -> "{dest}" [label="{trigger}"{red}]'
    yield "}"


def arrows(table: Table) -> Iterator[tuple[str, str, str]]:
    """(source, trigger, dest) for every edge."""
    for edge in table.edges:
        for source in edge.sources:
            yield source, edge.trigger, edge.dest
