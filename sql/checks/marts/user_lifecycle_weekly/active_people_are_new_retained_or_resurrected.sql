-- New, retained and resurrected people are the week's active users.
select states.scope, states.week_start_monday
from marts.user_lifecycle_weekly as states
inner join marts.adoption_weekly as weeks
    on states.scope = weeks.scope and states.week_start_monday = weeks.week_start_monday
where states.lifecycle_state <> 'churned'
group by states.scope, states.week_start_monday
having sum(states.users) <> any_value(weeks.active_users)
