-- one row per scope, day and person with a seat
select
    scope,
    day,
    user_id,

    user_login,
    plan_type,
    json_extract_string(assigning_team, '$.slug') as assigning_team_slug,

    try_cast(created_at as timestamptz) at time zone 'UTC' as assigned_at,
    pending_cancellation_date,
    try_cast(last_activity_at as timestamptz) at time zone 'UTC' as last_activity_at,
    last_activity_editor,
    try_cast(last_authenticated_at as timestamptz) at time zone 'UTC' as last_authenticated_at,
from raw.seat_day
