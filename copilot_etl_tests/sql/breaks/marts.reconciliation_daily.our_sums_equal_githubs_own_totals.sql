update marts.reconciliation_daily set status = 'differs', reason = null where measure = 'daily_active_users'
