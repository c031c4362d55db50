-- What is equal lies within the tolerance, what differs does not, and what cannot be compared has a reason.
select scope, day, measure
from marts.reconciliation_daily
where
    (status = 'equal' and (difference is null or abs(difference) > tolerance or reason is not null))
    or (status = 'differs' and abs(difference) <= tolerance)
    or (status = 'cannot compare' and reason is null)
