update published.ops.report_days set rows = rows + 1
