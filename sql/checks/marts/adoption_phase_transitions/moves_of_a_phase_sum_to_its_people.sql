-- The moves out of a phase hold everybody who came from it, once.
select scope, day, from_phase_number
from marts.adoption_phase_transitions
group by scope, day, from_phase_number
having sum(users) <> max(users_of_from_phase) or abs(sum(share_of_from_phase) - 1) > 1e-9
