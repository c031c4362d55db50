insert into seeds.credit_pool values ('acme', date '2026-11-01', null, 1900)
