-- one row per scope and repository with pull request activity in the 28 days up to the scope's latest loaded day
with
covered as (
    select scope, day
    from ops.report_days
    where report = 'repos-1-day' and loaded_at is not null
),

windows as (
    select scope, max(day) as as_of_day from covered group by scope
),

-- joined by equality, so the days before them are not even read
days as (
    select covered.scope, covered.day, windows.as_of_day
    from covered
    inner join windows on covered.scope = windows.scope
    where covered.day > windows.as_of_day - 28
),

coverage as (
    select scope, as_of_day, count(*) as days_covered_28d from days group by scope, as_of_day
),

sums as (
    select
        repos.scope,
        repos.repo_id,
        max_by(repos.repo_owner_name, repos.day) as repo_owner_name,
        max_by(repos.repo_name, repos.day) as repo_name,
        max_by(repos.repo_visibility, repos.day) as repo_visibility,
        count(*) as active_days,
        max(repos.day) as last_active_day,
        sum(repos.pull_requests_total_created)::bigint as created,
        sum(repos.pull_requests_total_created_by_copilot)::bigint as created_by_copilot,
        sum(repos.pull_requests_total_reviewed)::bigint as reviewed,
        sum(repos.pull_requests_total_reviewed_by_copilot)::bigint as reviewed_by_copilot,
        sum(repos.pull_requests_total_merged)::bigint as merged,
        sum(repos.pull_requests_total_merged_created_by_copilot)::bigint as merged_created_by_copilot,
        sum(repos.pull_requests_total_merged_reviewed_by_copilot)::bigint as merged_reviewed_by_copilot,
        sum(repos.pull_requests_total_suggestions)::bigint as suggestions,
        sum(repos.pull_requests_total_applied_suggestions)::bigint as applied_suggestions,
        sum(repos.pull_requests_total_copilot_suggestions)::bigint as copilot_suggestions,
        sum(repos.pull_requests_total_copilot_applied_suggestions)::bigint as copilot_applied_suggestions,
    from core.fct_repo_day as repos
    inner join days on repos.scope = days.scope and repos.day = days.day
    group by repos.scope, repos.repo_id
)

select
    sums.scope,
    sums.repo_id,

    sums.repo_owner_name,
    sums.repo_name,
    sums.repo_visibility,
    coverage.as_of_day - 27 as first_day,
    coverage.as_of_day,
    coverage.days_covered_28d,
    sums.active_days as active_days_28d,
    sums.last_active_day,

    sums.created as created_28d,
    sums.created_by_copilot as created_by_copilot_28d,
    sums.created_by_copilot / nullif(sums.created, 0) as share_created_by_copilot_28d,
    sums.reviewed as reviewed_28d,
    sums.reviewed_by_copilot as reviewed_by_copilot_28d,
    sums.merged as merged_28d,
    sums.merged_created_by_copilot as merged_created_by_copilot_28d,
    sums.merged_created_by_copilot / nullif(sums.merged, 0) as share_merged_created_by_copilot_28d,
    sums.merged_reviewed_by_copilot as merged_reviewed_by_copilot_28d,
    sums.merged_reviewed_by_copilot / nullif(sums.merged, 0) as share_merged_reviewed_by_copilot_28d,
    sums.suggestions as suggestions_28d,
    sums.applied_suggestions as applied_suggestions_28d,
    sums.copilot_suggestions as copilot_suggestions_28d,
    sums.copilot_applied_suggestions as copilot_applied_suggestions_28d,

    coverage.as_of_day > (now() at time zone 'UTC')::date - 3 as is_provisional,
from sums
inner join coverage on sums.scope = coverage.scope
order by sums.scope, sums.repo_id
