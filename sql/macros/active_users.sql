-- Distinct people with a row between two days, both included.
create or replace macro active_users(from_day, to_day, scope := '(all organizations)') as (
    select count(distinct people.user_id)
    from core.fct_user_day as people (in_scope)
    where
        people.day between from_day and to_day
        and (people.in_scope = scope or (scope = '(all organizations)' and people.counts_in_all_organizations))
)
