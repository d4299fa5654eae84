"""The `retention` command and its exit codes.

0 done, 1 failed, 2 usage, 3 partly done, 4 refused by a gate or guard, 5 plan stale, 6 locked by
another run.
"""

import atexit
import sys

import typer

from retention.cli import (
    address,
    audit,
    batch,
    churn,
    console,
    deliver,
    demo,
    doctor,
    events,
    explain,
    gate,
    handover,
    hold,
    inbox,
    init,
    late,
    measure,
    nights,
    offer,
    ops,
    outbox,
    plan,
    queue,
    queue_calls_letters,
    queue_deciding,
    replay,
    report,
    run,
    serve,
    simulate,
    team,
    template,
    waiver,
)
from retention.terminal import collect_less_often, fail, keep_private, leave_quietly

app = typer.Typer(
    name="retention",
    help="Deal well with customers who cost more than they bring, and keep the good ones.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.command("init")(init.init)
app.command("run")(run.run)
app.command("plan")(plan.plan)
app.command("apply")(plan.apply)
app.command("deliver")(deliver.deliver)
app.command("explain")(explain.explain)
app.command("measure")(measure.measure)
app.command("simulate")(simulate.simulate)
app.command("report")(report.report)
app.command("replay")(replay.replay)
app.command("doctor")(doctor.doctor)
app.command("serve")(serve.serve)
queue.app.command("approve")(queue_deciding.approve)
queue.app.command("reject")(queue_deciding.reject)
queue.app.command("take-back")(queue_deciding.take_back)
queue.app.command("edit")(queue_deciding.edit)
queue.app.command("milder")(queue_deciding.milder)
queue.app.command("complete")(queue_deciding.complete)
queue.app.command("reassign")(queue_deciding.reassign)
queue.app.command("snooze")(queue_deciding.snooze)
queue.app.command("comment")(queue_deciding.comment)
queue.app.command("letter")(queue_calls_letters.letter)
queue.app.command("script")(queue_calls_letters.script)
queue.app.command("agree")(queue_calls_letters.agree)
queue.app.command("log-call")(queue_calls_letters.log_call)
app.add_typer(nights.app, name="nights")
app.add_typer(queue.app, name="queue")
app.add_typer(template.app, name="template")
app.add_typer(inbox.app, name="inbox")
app.add_typer(outbox.app, name="outbox")
app.add_typer(churn.app, name="churn")
app.add_typer(late.app, name="late")
app.add_typer(gate.app, name="gate")
app.add_typer(hold.app, name="hold")
app.add_typer(address.app, name="address")
app.add_typer(offer.offers_app, name="offer")
app.add_typer(handover.handovers_app, name="handover")
app.add_typer(waiver.waivers_app, name="waiver")
app.add_typer(batch.batches_app, name="batch")
app.add_typer(team.team_app, name="team")
app.add_typer(ops.ops_app, name="ops")
app.add_typer(audit.app, name="audit")
app.add_typer(console.app, name="console")
app.add_typer(events.events_app, name="events")
app.add_typer(events.webhooks_app, name="webhook")


def main() -> None:
    """Run the command line; a known error becomes its message and exit code."""
    atexit.register(leave_quietly)
    keep_private()
    collect_less_often()
    try:
        app()
    except Exception as error:
        from retention.cli.errors import as_known

        known = as_known(error)
        if known is None:
            raise
        fail(known, as_json="--json" in sys.argv)
        sys.exit(known.exit_code)
