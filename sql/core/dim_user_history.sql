-- one row per person and login, from the first day of the login to the day before the next one
with
-- most people keep their login, and one row says all of theirs
logins as (
    select user_id, day, min(user_login) as user_login
    from core.fct_user_day
    where user_login is not null
    group by user_id, day
),

renamed as (
    select user_id from logins group by user_id having min(lower(user_login)) <> max(lower(user_login))
),

changes as (
    select
        user_id,
        day,
        user_login,
        lag(lower(user_login)) over (partition by user_id order by day) is distinct from lower(user_login) as is_change,
    from logins
    where user_id in (select user_id from renamed)
),

starts as (
    select user_id, user_login, day as valid_from from changes where is_change
    union all
    select user_id, min(user_login) as user_login, min(day) as valid_from
    from logins
    where user_id not in (select user_id from renamed)
    group by user_id
)

select
    user_id,
    user_login,
    valid_from,
    lead(valid_from) over (partition by user_id order by valid_from) - 1 as valid_to,
    lead(valid_from) over (partition by user_id order by valid_from) is null as is_current,
from starts
order by user_id, valid_from
