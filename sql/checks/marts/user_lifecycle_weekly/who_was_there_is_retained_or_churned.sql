-- The week before's active users are retained or churned.
select states.scope, states.week_start_monday
from marts.user_lifecycle_weekly as states
inner join marts.adoption_weekly as before
    on states.scope = before.scope and states.week_start_monday = before.week_start_monday + 7
where states.lifecycle_state in ('retained', 'churned')
group by states.scope, states.week_start_monday
having sum(states.users) <> any_value(before.active_users)
