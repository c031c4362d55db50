-- The credits of a month are those of its days.
-- days: all
select months.scope, months.month_start
from marts.ai_credits_org_month as months
left join marts.ai_credits_daily as days
    on months.scope = days.scope and months.month_start = date_trunc('month', days.day)
group by months.scope, months.month_start
having max(months.ai_credits_used) is distinct from sum(days.ai_credits_used)
