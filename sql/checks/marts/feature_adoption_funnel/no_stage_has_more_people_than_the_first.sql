-- No stage has more people than the first, which has the trailing 28 days' active users.
select stages.scope, stages.day, stages.stage
from marts.feature_adoption_funnel as stages
inner join marts.adoption_daily as days on stages.scope = days.scope and stages.day = days.day
where
    stages.users not between 0 and stages.active_users_28d
    or (stages.stage_number = 1 and stages.users <> days.monthly_active_users_28d)
    or (stages.stage_number = 2 and stages.users <> days.monthly_engaged_users_28d)
