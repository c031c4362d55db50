-- A person's rows of one day say the same in every organization.
-- severity: warn
select day, user_id
from core.fct_user_day
where not starts_with(scope, 'enterprise.')
group by day, user_id
having
    count(distinct code_generation_activity_count) > 1
    or count(distinct user_initiated_interaction_count) > 1
    or count(distinct loc_added_sum) > 1
