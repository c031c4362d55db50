-- Agents change a part of the lines that change in editors.
select scope, day
from marts.code_generation_daily
where agent_loc_changed_28d > ide_loc_changed_28d or agent_contribution_28d not between 0 and 1
