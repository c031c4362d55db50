"""The report as an asset: written anew whenever the analysts' file was."""

import dagster as dg

from copilot_etl import settings
from copilot_etl.defs.published import PUBLISHED
from copilot_etl.errors import CopilotEtlError
from copilot_etl.report import write
from copilot_etl.store import Store


@dg.asset(
    key="report",
    deps=[PUBLISHED],
    group_name="published",
    kinds={"html"},
    owners=["team:data"],
    description="What leaders open: the published marts as one page, without a server and without anybody's name.",
)
def report(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    store = Store(settings.read().data_dir)
    try:
        written = write(store.published, store.report)
    except CopilotEtlError as error:
        raise dg.Failure(str(error), metadata={"exit_code": error.exit_code}, allow_retries=False) from None
    return dg.MaterializeResult(
        metadata={
            "bytes": written.size,
            "days": written.days,
            "scopes": len(written.scopes),
            "people in 28 days": written.people_28d,
            "last day": str(written.last_day),
            "path": dg.MetadataValue.path(written.path),
            "link to the report": dg.MetadataValue.url(written.path.absolute().as_uri()),
        }
    )


defs = dg.Definitions(assets=[report])
