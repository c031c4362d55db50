-- one row per scope, day and repository with pull request activity
select
    scope,
    day,
    repo_id,

    organization_id,
    enterprise_id,
    repo_owner_name,
    repo_name,
    repo_visibility,

    pull_requests_total_created,
    pull_requests_total_created_by_copilot,
    pull_requests_total_reviewed,
    pull_requests_total_reviewed_by_copilot,
    pull_requests_total_merged,
    pull_requests_total_merged_created_by_copilot,
    pull_requests_total_merged_reviewed_by_copilot,
    pull_requests_total_suggestions,
    pull_requests_total_applied_suggestions,
    pull_requests_total_copilot_suggestions,
    pull_requests_total_copilot_applied_suggestions,
    pull_requests_median_minutes_to_merge,
    pull_requests_median_minutes_to_merge_copilot_authored,
    pull_requests_median_minutes_to_merge_copilot_reviewed,
    pull_requests_copilot_suggestions_by_comment_type,
    pull_request_review_times,

    day > (now() at time zone 'UTC')::date - 3 as is_provisional,
from raw.repo_day
