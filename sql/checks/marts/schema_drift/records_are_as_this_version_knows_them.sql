-- GitHub sends no field that this version does not know, and has not ceased to send one that it knows.
-- severity: warn
select scope, report, path, change
from marts.schema_drift
where is_current
