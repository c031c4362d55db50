-- The shares of a day's features sum to one.
select scope, day
from marts.feature_usage_daily
group by scope, day
having abs(sum(share_of_interactions) - 1) > 1e-9 or abs(sum(share_of_generations) - 1) > 1e-9
