insert into seeds.credit_pool values ('acme', date '2026-11-01', 1, 1900), ('acme', date '2026-11-01', 2, 1900)
