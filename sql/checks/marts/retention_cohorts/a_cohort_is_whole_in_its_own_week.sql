-- A cohort is whole in its own week, and never more than whole.
select scope, cohort_week, weeks_since
from marts.retention_cohorts
where (weeks_since = 0 and retention_rate <> 1) or retention_rate not between 0 and 1
