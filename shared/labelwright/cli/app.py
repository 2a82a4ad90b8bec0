"""Every command and its options; what they do stands in the modules that they import when they run.

Exit codes: 0 ok, 1 failed, 2 usage or settings, 3 no server, 4 a check said no, 5 refused, 130 interrupted.
"""

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from labelwright.errors import LabelwrightError

app = typer.Typer(
    name="labelwright",
    help="Turn product feedback into labels that come with a probability you may believe.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
project_app = typer.Typer(help="Project files: the guideline, sources, prices, and what a wrong label costs.")
keys_app = typer.Typer(help="API keys and sign-in links.")
dead_app = typer.Typer(help="Entries that no decision could be made about.")
snapshot_app = typer.Typer(help="Immutable datasets, cut from the ledger.")
items_app = typer.Typer(help="Items: look at them, and merge, split, pin or mute by hand.")
merges_app = typer.Typer(help="What may be the same and waits for a person to decide.", invoke_without_command=True)
app.add_typer(merges_app, name="merges")
for name, group in (
    ("project", project_app),
    ("keys", keys_app),
    ("items", items_app),
    ("dead", dead_app),
    ("snapshot", snapshot_app),
):
    app.add_typer(group, name=name, no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object (the last line) instead of a table.")]
Redis = Annotated[str, typer.Option("--redis", metavar="URL", help="The server; default LABELWRIGHT_REDIS_URL.")]
Project = Annotated[str, typer.Option(help="The project.")]
Item = Annotated[str, typer.Argument(metavar="ITEM", help="An item's id.")]
Why = Annotated[str, typer.Option("--reason", help="Why; it is kept and shown with your name.")]
By = Annotated[str, typer.Option(help="Who decides; default your login name.")]
Limit = Annotated[int, typer.Option(min=1, max=200, help="How many.")]
Ledger = Annotated[str, typer.Option("--ledger", help="Where the ledger is; default LABELWRIGHT_LEDGER.")]


def _run(work: Coroutine[Any, Any, int | None]) -> None:
    try:
        code = asyncio.run(work)
    except KeyboardInterrupt:
        code = 130
    except LabelwrightError as error:
        typer.echo(f"labelwright: {error}", err=True)
        code = error.exit_code
    raise SystemExit(code or 0)


@app.command()
def up(
    redis: Redis = "",
    only: Annotated[str, typer.Option(help="Only these services, by comma.")] = "",
    processes: Annotated[bool, typer.Option("--processes", help="One process a service.")] = False,
    ephemeral: Annotated[bool, typer.Option("--ephemeral", help="Keep nothing after the end.")] = False,
) -> None:
    """Run all services here: in one process, over the embedded server unless --redis says otherwise."""
    from labelwright.cli.up import up as work

    _run(work(redis, only, processes, ephemeral))


@app.command()
def demo(
    events: Annotated[int, typer.Option(min=50, max=200_000, help="Generated events.")] = 2_000,
    seed: Annotated[int, typer.Option(help="The same seed generates the same feedback.")] = 1,
    input_: Annotated[Path | None, typer.Option("--input", exists=True, help="Real feedback, JSON lines.")] = None,
    as_json: Json = False,
) -> None:
    """Run the whole pipeline on generated feedback with known truth, and compare claimed with realised accuracy."""
    from labelwright.cli.demo import demo as work

    _run(work(events, seed, input_, as_json))


@app.command()
def run(service: Annotated[str, typer.Argument(help="One service, or several by comma.")], redis: Redis = "") -> None:
    """Run services in this process until SIGTERM; for containers. Configuration comes from LABELWRIGHT_*."""
    from labelwright.cli.up import run as work

    _run(work(service, redis))


@app.command()
def status(
    redis: Redis = "",
    watch: Annotated[bool, typer.Option("--watch", help="Every two seconds.")] = False,
    as_json: Json = False,
) -> None:
    """Show what waits where."""
    from labelwright.cli.looking import status as work

    _run(work(redis, watch, as_json))


@app.command()
def doctor(redis: Redis = "", as_json: Json = False) -> None:
    """Check the server, the secret, the ledger and the ports; exit code 4 where something is wrong."""
    from labelwright.cli.looking import doctor as work

    _run(work(redis, as_json))


@app.command()
def trace(
    identity: Annotated[str, typer.Argument(metavar="ID", help="A feedback event's id, or an item's.")],
    project: Annotated[str, typer.Option(help="The project of a feedback event.")] = "support",
    redis: Redis = "",
    as_json: Json = False,
) -> None:
    """Tell what became of a feedback event or an item, step by step."""
    from labelwright.cli.looking import trace as work

    _run(work(identity, project, redis, as_json))


@app.command()
def publish(
    file: Annotated[str, typer.Argument(metavar="FILE", help="JSON lines of events; with --map any lines, or CSV.")],
    map_: Annotated[Path | None, typer.Option("--map", exists=True, help="Which column is which field, YAML.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the first events and what doesn't fit.")] = False,
    dsn: Annotated[str, typer.Option(envvar="LABELWRIGHT_DSN", help="https://KEY@gateway/project")] = "",
    as_json: Json = False,
) -> None:
    """Publish a file of feedback through the gateway; - is standard input. Exit code 1 if a line wasn't taken."""
    from labelwright.cli.publishing import publish as work

    _run(work(file, dsn, as_json, map_, dry_run))


@app.command()
def duplicates(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="JSON lines.")],
    field: Annotated[str, typer.Option(help="The field that holds the text.")] = "text",
    within: Annotated[list[str] | None, typer.Option(help="Compare only within equal values of this field.")] = None,
    as_json: Json = False,
) -> None:
    """Group a file's texts by what they say: merged, proposed to a person, or apart. No server is needed."""
    from labelwright.cli.comparing import duplicates as work

    _run(work(file, field, within or [], as_json))


@app.command()
def themes(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", exists=True, dir_okay=False, help="JSON lines; default: the running system."),
    ] = None,
    field: Annotated[str, typer.Option(help="The field that holds a file's text.")] = "text",
    model: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="A sentence model's folder, for a file.")
    ] = None,
    project: Annotated[str, typer.Option(help="The project of the running system.")] = "support",
    redis: Redis = "",
    as_json: Json = False,
) -> None:
    """Show what many items, or a file's texts, have in common: themes by name. They are suggested, never merged."""
    from labelwright.cli.theming import themes_in, themes_of

    _run(themes_in(file, field, model, as_json) if file else themes_of(project, redis, as_json))


@app.command()
def topology(
    mermaid: Annotated[bool, typer.Option("--mermaid", help="As a Mermaid flowchart.")] = False, as_json: Json = False
) -> None:
    """Show which service reads and writes which stream."""
    from labelwright.cli.looking import topology as work

    work(mermaid, as_json)


@app.command()
def rebuild(
    ledger: Ledger = "",
    redis: Redis = "",
    check: Annotated[bool, typer.Option("--check", help="Compare a rebuild with the server; change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Fill an empty server from the ledger; with --check prove that a rebuild equals the server that runs."""
    from labelwright.cli.past import rebuild as work

    _run(work(ledger, redis, check, as_json))


@app.command()
def erase(
    person: Annotated[str, typer.Argument(metavar="PERSON", help="A `user` as sent, an annotator, or a feedback id.")],
    project: Annotated[str, typer.Option(help="The project.")],
    snapshots: Annotated[Path, typer.Option(help="The folder of snapshots to look through.")] = Path("snapshots"),
    within: Annotated[float, typer.Option(min=1, help="Seconds to wait for what is on its way.")] = 120,
    ledger: Ledger = "",
    redis: Redis = "",
    as_json: Json = False,
) -> None:
    """Forget a person: take their words out of the server and the ledger, whose chain stays whole; list what held them.

    Erasing again is harmless, and goes on where a crash or the deadline ended it.
    """
    from labelwright.cli.erasing import erase as work

    _run(work(person, project, snapshots, within, ledger, redis, as_json))


@project_app.command("apply")
def project_apply(
    file: Annotated[Path, typer.Argument(exists=True, help="The project file, YAML or JSON.")],
    redis: Redis = "",
    as_json: Json = False,
) -> None:
    """Bring a project file into force as the next version."""
    from labelwright.cli.owning import apply as work

    _run(work(file, redis, as_json))


@project_app.command("list")
def project_list(redis: Redis = "", as_json: Json = False) -> None:
    """List projects and the version in force."""
    from labelwright.cli.owning import list_projects as work

    _run(work(redis, as_json))


@keys_app.command("new")
def keys_new(
    project: Annotated[str, typer.Argument(help="The project that the key is bound to.")],
    role: Annotated[list[str], typer.Option("--role", help="publisher, annotator, reviewer, owner; repeatable.")],
    annotator: Annotated[str, typer.Option(help="The name that its answers bear.")] = "",
    source: Annotated[list[str], typer.Option("--source", help="A label source it answers as; repeatable.")] = [],  # noqa: B006  # typer's way
    skill: Annotated[list[str], typer.Option("--skill", help="A skill; repeatable.")] = [],  # noqa: B006
    note: Annotated[str, typer.Option(help="Who has it.")] = "",
    redis: Redis = "",
    as_json: Json = False,
) -> None:
    """Make an API key; it is shown once."""
    from labelwright.cli.owning import new_key as work

    _run(work(project, role, annotator, source, skill, note, redis, as_json))


@keys_app.command("list")
def keys_list(
    project: Annotated[str, typer.Option(help="Only this project's.")] = "", redis: Redis = "", as_json: Json = False
) -> None:
    """List keys (never the keys themselves)."""
    from labelwright.cli.owning import list_keys as work

    _run(work(project, redis, as_json))


@keys_app.command("revoke")
def keys_revoke(key_id: Annotated[str, typer.Argument(help="The key's id.")], redis: Redis = "") -> None:
    """End a key, and all sessions made by it, within five seconds."""
    from labelwright.cli.owning import revoke_key as work

    _run(work(key_id, redis))


@keys_app.command("link")
def keys_link(
    key_id: Annotated[str, typer.Argument(help="The key's id.")],
    desk: Annotated[str, typer.Option(help="Where the desk is.")] = "http://127.0.0.1:7070",
    redis: Redis = "",
) -> None:
    """Print a sign-in link to the desk for the holder of a key."""
    from labelwright.cli.owning import sign_in_link as work

    _run(work(key_id, desk, redis))


@merges_app.callback()
def merges(
    context: typer.Context, project: Project = "support", limit: Limit = 50, redis: Redis = "", as_json: Json = False
) -> None:
    """Show pairs of items that may be the same, the likeliest first, with both texts, score and reason."""
    if context.invoked_subcommand:
        return
    from labelwright.cli.curating import list_merges as work

    _run(work(project, limit, redis, as_json))


@merges_app.command("accept")
def merges_accept(
    item: Item,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The item that it is folded into.")],
    reason: Why,
    project: Project = "support",
    by: By = "",
    redis: Redis = "",
    as_json: Json = False,
) -> None:
    """Fold an item into the other one; `labelwright items split` takes it back."""
    from labelwright.cli.curating import merge as work

    _run(work(item, other, project, by, reason, redis, as_json))


@merges_app.command("decline")
def merges_decline(
    item: Item,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The item that differs.")],
    reason: Why = "they differ",
    project: Project = "support",
    by: By = "",
    redis: Redis = "",
    as_json: Json = False,
) -> None:
    """Keep two items apart: they aren't proposed again."""
    from labelwright.cli.curating import keep_apart as work

    _run(work(item, other, project, by, reason, redis, as_json))


@items_app.command("list")
def items_list(project: Project = "support", limit: Limit = 50, redis: Redis = "", as_json: Json = False) -> None:
    """List the open items, the most urgent first, each with what makes it urgent."""
    from labelwright.cli.curating import list_items as work

    _run(work(project, limit, redis, as_json))


@items_app.command("show")
def items_show(item: Item, project: Project = "support", redis: Redis = "", as_json: Json = False) -> None:
    """Show an item: how it stands and why, its wordings, what may be the same, and what was done by hand."""
    from labelwright.cli.curating import show_item as work

    _run(work(item, project, redis, as_json))


@items_app.command("merge")
def items_merge(
    item: Item,
    into: Annotated[str, typer.Argument(metavar="INTO", help="The item that it is folded into.")],
    reason: Why,
    project: Project = "support",
    by: By = "",
    redis: Redis = "",
    as_json: Json = False,
) -> None:
    """Fold an item into another one, proposed or not; `split` takes it back."""
    from labelwright.cli.curating import merge as work

    _run(work(item, into, project, by, reason, redis, as_json))


@items_app.command("split")
def items_split(
    feedback: Annotated[str, typer.Argument(metavar="FEEDBACK", help="A feedback event's id.")],
    reason: Why,
    project: Project = "support",
    by: By = "",
    redis: Redis = "",
    as_json: Json = False,
) -> None:
    """Part the words of a piece of feedback from their item; they are never merged again by themselves."""
    from labelwright.cli.curating import split as work

    _run(work(feedback, project, by, reason, redis, as_json))


@items_app.command("pin")
def items_pin(
    item: Item, reason: Why, project: Project = "support", by: By = "", redis: Redis = "", as_json: Json = False
) -> None:
    """Put an item before all that isn't pinned."""
    from labelwright.cli.curating import pin as work

    _run(work(item, True, project, by, reason, redis, as_json))


@items_app.command("unpin")
def items_unpin(
    item: Item, reason: Why, project: Project = "support", by: By = "", redis: Redis = "", as_json: Json = False
) -> None:
    """Let an item have the place that its factors give it."""
    from labelwright.cli.curating import pin as work

    _run(work(item, False, project, by, reason, redis, as_json))


@items_app.command("mute")
def items_mute(
    item: Item, reason: Why, project: Project = "support", by: By = "", redis: Redis = "", as_json: Json = False
) -> None:
    """Ask nobody about an item any more; its feedback is counted all the same."""
    from labelwright.cli.curating import mute as work

    _run(work(item, True, project, by, reason, redis, as_json))


@items_app.command("unmute")
def items_unmute(
    item: Item, reason: Why, project: Project = "support", by: By = "", redis: Redis = "", as_json: Json = False
) -> None:
    """Ask about a muted item again."""
    from labelwright.cli.curating import mute as work

    _run(work(item, False, project, by, reason, redis, as_json))


@dead_app.command("list")
def dead_list(redis: Redis = "", as_json: Json = False) -> None:
    """List dead letters, oldest first."""
    from labelwright.cli.past import dead_list as work

    _run(work(redis, as_json))


@dead_app.command("show")
def dead_show(letter: Annotated[str, typer.Argument(help="A letter's id.")], redis: Redis = "") -> None:
    """Show one dead letter whole."""
    from labelwright.cli.past import dead_show as work

    _run(work(letter, redis))


@dead_app.command("replay")
def dead_replay(
    letter: Annotated[str, typer.Argument(help="A letter's id, or all.")], redis: Redis = "", as_json: Json = False
) -> None:
    """Put dead letters' events back on their streams, once."""
    from labelwright.cli.past import dead_replay as work

    _run(work(letter, redis, as_json))


@snapshot_app.command("cut")
def snapshot_cut(
    project: Annotated[str, typer.Argument(help="The project.")],
    out: Annotated[Path, typer.Option(help="The folder that holds snapshots.")] = Path("snapshots"),
    ledger: Ledger = "",
    as_json: Json = False,
) -> None:
    """Write a project's labels as an immutable dataset with the provenance of each."""
    from labelwright.cli.past import snapshot_cut as work

    _run(work(project, out, ledger, as_json))


@snapshot_app.command("verify")
def snapshot_verify(
    folder: Annotated[Path, typer.Argument(exists=True, help="A snapshot's folder.")], as_json: Json = False
) -> None:
    """Check every byte of a snapshot against its name; exit code 4 if one differs."""
    from labelwright.cli.past import snapshot_verify as work

    _run(work(folder, as_json))


@snapshot_app.command("diff")
def snapshot_diff(
    old: Annotated[Path, typer.Argument(exists=True)],
    new: Annotated[Path, typer.Argument(exists=True)],
    as_json: Json = False,
) -> None:
    """Show which items were added, removed, or have another label."""
    from labelwright.cli.past import snapshot_diff as work

    _run(work(old, new, as_json))


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    sys.stdout.write(installed("labelwright") + "\n")
