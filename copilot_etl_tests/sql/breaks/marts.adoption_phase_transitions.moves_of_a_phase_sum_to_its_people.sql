insert into marts.adoption_phase_transitions values ('acme', date '2026-11-01', 1, 2, 3, 4, 0.75)
