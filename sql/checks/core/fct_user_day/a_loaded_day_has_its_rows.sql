-- Every loaded day of the ledger has as many people in the fact as the ledger says.
-- days: all
select ledger.scope, ledger.day, ledger.rows, count(facts.user_id) as found
from ops.report_days as ledger
left join core.fct_user_day as facts on ledger.scope = facts.scope and ledger.day = facts.day
where ledger.report = 'users-1-day' and ledger.loaded_at is not null
group by all
having count(facts.user_id) <> ledger.rows
