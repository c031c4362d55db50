-- one row per scope and day of which GitHub's own totals are loaded
select
    scope,
    day,

    pull_requests_total_created as created,
    pull_requests_total_created_by_copilot as created_by_copilot,
    pull_requests_total_created_by_copilot / nullif(pull_requests_total_created, 0) as share_created_by_copilot,
    pull_requests_total_reviewed as reviewed,
    pull_requests_total_reviewed_by_copilot as reviewed_by_copilot,
    pull_requests_total_reviewed_by_copilot / nullif(pull_requests_total_reviewed, 0) as share_reviewed_by_copilot,
    pull_requests_total_merged as merged,
    pull_requests_total_merged_created_by_copilot as merged_created_by_copilot,
    pull_requests_total_merged_created_by_copilot / nullif(pull_requests_total_merged, 0)
        as share_merged_created_by_copilot,
    pull_requests_total_merged_reviewed_by_copilot as merged_reviewed_by_copilot,
    pull_requests_total_merged_reviewed_by_copilot / nullif(pull_requests_total_merged, 0)
        as share_merged_reviewed_by_copilot,

    pull_requests_total_suggestions as suggestions,
    pull_requests_total_applied_suggestions as applied_suggestions,
    pull_requests_total_applied_suggestions / nullif(pull_requests_total_suggestions, 0) as applied_suggestion_rate,
    pull_requests_total_copilot_suggestions as copilot_suggestions,
    pull_requests_total_copilot_applied_suggestions as copilot_applied_suggestions,
    pull_requests_total_copilot_applied_suggestions / nullif(pull_requests_total_copilot_suggestions, 0)
        as copilot_applied_suggestion_rate,

    pull_requests_median_minutes_to_merge as median_minutes_to_merge,
    pull_requests_median_minutes_to_merge_copilot_authored as median_minutes_to_merge_copilot_authored,
    pull_requests_median_minutes_to_merge_copilot_reviewed as median_minutes_to_merge_copilot_reviewed,

    is_provisional,
from core.fct_totals_day
order by scope, day
