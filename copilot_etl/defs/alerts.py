"""A failed run as one clear message: in the log, and at a webhook when one is set."""

import dagster as dg
import httpx

from copilot_etl import settings


@dg.run_failure_sensor(default_status=dg.DefaultSensorStatus.RUNNING)
def failed_runs(context: dg.RunFailureSensorContext) -> None:
    """Tells what failed and what to do, once for each failed run."""
    message = _message(context)
    context.log.error(message)
    webhook = settings.read().alert_webhook
    if webhook:
        try:
            httpx.post(webhook, json={"text": message}, timeout=10).raise_for_status()
        except httpx.HTTPError as error:
            # The address of a webhook is a secret too, and httpx names it in its messages.
            context.log.error(f"The alert could not be sent to COPILOT_ALERT_WEBHOOK_URL: {type(error).__name__}.")


def _message(context: dg.RunFailureSensorContext) -> str:
    run = context.dagster_run
    errors = [
        event.step_failure_data.error.message.strip()
        for event in context.get_step_failure_events()
        if event.step_failure_data.error
    ]
    said = (errors or [context.failure_event.message or "no reason was given"])[0]
    # Dagster puts the exception's class in front of its text.
    text = said.removeprefix("dagster._core.definitions.events.Failure: ")
    tags = run.tags
    first = tags.get("dagster/partition") or tags.get("dagster/asset_partition_range_start", "")
    last = tags.get("dagster/asset_partition_range_end", first)
    days = f" of {first}" + (f" to {last}" if last != first else "") if first else ""
    # A backfill or a click on Materialize has no job of its own.
    what = "materialization" if run.job_name.startswith("__") else run.job_name
    return f"copilot_etl: {what}{days} failed (run {run.run_id[:8]}): {text}"


defs = dg.Definitions(sensors=[failed_runs])
