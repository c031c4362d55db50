-- one row per person and login, from the first day of the login to the day before the next one
with
logins as (
    select user_id, day, min(user_login) as user_login
    from core.fct_user_day
    where user_login is not null
    group by user_id, day
),

-- most people keep their login; case alone is no rename
kept as (
    select user_id, max_by(user_login, day) as user_login, min(day) as valid_from
    from logins
    group by user_id
    having min(lower(user_login)) = max(lower(user_login))
),

changes as (
    select
        logins.user_id,
        logins.user_login,
        logins.day as valid_from,
        coalesce(
            lag(lower(logins.user_login)) over (partition by logins.user_id order by logins.day)
            <> lower(logins.user_login),
            true
        ) as is_change,
    from logins
    left join kept on logins.user_id = kept.user_id
    where kept.user_id is null
),

starts as (
    select user_id, user_login, valid_from from kept
    union all
    select user_id, user_login, valid_from from changes where is_change
),

periods as (
    select
        user_id,
        user_login,
        valid_from,
        lead(valid_from) over (partition by user_id order by valid_from) as next_from,
    from starts
)

select
    user_id,
    user_login,
    valid_from,
    next_from - 1 as valid_to,
    next_from is null as is_current,
from periods
order by user_id, valid_from
