insert into seeds.credit_pool values (null, date '2026-11-01', 1, 1900)
