-- A day has a lag where rows are loaded, and only there; what is loaded is not called missing.
select scope, report, day
from marts.data_coverage
where
    is_loaded <> (lag_hours is not null)
    or (is_loaded and coverage_state in ('missing', 'before_history'))
    or (not is_loaded and coverage_state = 'ok')
