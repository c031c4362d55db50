-- The credits of a month are those of its people.
-- days: all
select months.scope, months.month_start
from marts.ai_credits_org_month as months
left join marts.ai_credits_user_month as people
    on months.scope = people.scope and months.month_start = people.month_start
group by months.scope, months.month_start
having
    max(months.ai_credits_used) is distinct from sum(people.ai_credits_used)
    or max(months.active_users) < count(people.user_id)
