-- one row per scope and calendar month, from the month of the scope's first to that of its last loaded day
with
months as (
    select
        scope,
        date_trunc('month', day)::date as month_start,
        dayofmonth(max(day)) as days_elapsed,
        count(*) filter (where is_covered) as days_covered,
    from marts.adoption_daily
    group by scope, month_start
),

people as (
    select
        scope,
        month_start,
        sum(ai_credits_used)::decimal(18, 6) as ai_credits_used,
        count(*) as active_users,
        count(*) filter (where ai_credits_used > 0) as users_with_credits,
    from core.fct_user_month
    group by scope, month_start
),

-- an entry holds until a later one of the scope
pools as (
    select
        scope,
        month_start as first_month,
        lead(month_start) over (partition by scope order by month_start) as next_month,
        seats,
        included_credits_per_seat,
        seats * included_credits_per_seat as included_credits,
    from seeds.credit_pool
),

totals as (
    select
        months.scope,
        months.month_start,
        people.ai_credits_used,
        coalesce(people.active_users, 0) as active_users,
        if(people.ai_credits_used is null, null, people.users_with_credits) as users_with_credits,
        pools.seats,
        pools.included_credits_per_seat,
        pools.included_credits,
        months.days_elapsed,
        months.days_covered,
        dayofmonth(last_day(months.month_start)) as days_of_month,
    from months
    left join people on months.scope = people.scope and months.month_start = people.month_start
    left join pools
        on
            months.scope = pools.scope
            and months.month_start >= pools.first_month
            and months.month_start < coalesce(pools.next_month, months.month_start + 1)
)

select
    scope,
    month_start,

    ai_credits_used,
    (ai_credits_used * 0.01)::decimal(18, 8) as list_value_usd,

    active_users,
    users_with_credits,
    ai_credits_used::double / nullif(active_users, 0) as ai_credits_per_active_user,

    seats,
    included_credits_per_seat,
    included_credits::decimal(18, 6) as included_credits,
    ai_credits_used::double / nullif(included_credits::double, 0) as share_of_included_credits,

    days_elapsed,
    days_covered,
    days_of_month,
    ai_credits_used::double / nullif(days_covered, 0) * days_of_month as projected_ai_credits_used,
from totals
order by scope, month_start
