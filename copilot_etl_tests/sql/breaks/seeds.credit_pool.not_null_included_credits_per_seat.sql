insert into seeds.credit_pool values ('acme', date '2026-11-01', 1, null)
