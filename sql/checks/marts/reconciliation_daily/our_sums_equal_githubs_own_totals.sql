-- Our sums of the users' report equal GitHub's own totals, or differ for a known reason.
-- severity: warn
-- days: all
select scope, day, breakdown, first_key, second_key, measure
from marts.reconciliation_daily
where status = 'differs' and reason is null
