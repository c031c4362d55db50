update marts.reconciliation_daily set difference = 1 where status = 'equal'
